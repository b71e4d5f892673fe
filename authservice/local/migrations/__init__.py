"""Alembic's revisions of the schema; `authservice db upgrade` runs them."""
