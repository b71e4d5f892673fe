"""Tokens: the keys that sign them, how they are issued, refreshed, revoked and checked."""
