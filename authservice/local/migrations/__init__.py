"""Alembic's revisions of the schema; `authservice db upgrade` runs them."""

REVISIONS = ("0001", "0002", "0003")
"""Every revision in versions/, the newest last: known without reading them."""
