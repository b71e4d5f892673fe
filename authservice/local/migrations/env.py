"""Alembic's entry: runs the revisions on the connection that database.upgrade hands over."""

from alembic import context

from authservice.local import models  # noqa: F401  the tables register themselves
from authservice.local.database import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata,
                  render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
