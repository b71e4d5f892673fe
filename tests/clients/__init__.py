"""Clients as people have them, unchanged, against the service as a process of its own."""
