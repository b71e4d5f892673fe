"""The database: the migrations make the models' tables, upgrades meet, files are private."""

import stat
import threading

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from authservice.local import database, models  # noqa: F401  the tables register themselves


def test_the_migrations_make_exactly_the_tables_of_the_models(local):
    with local.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), database.Base.metadata) == []


def test_they_do_so_on_postgresql_too(postgres):
    engine = database.open_engine(postgres.create_database())
    database.upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), database.Base.metadata) == []
    engine.dispose()


def test_several_processes_may_upgrade_at_once(tmp_path):
    failures = []

    def upgrade():
        engine = database.open_engine(f"sqlite:///{tmp_path}/new.db")
        try:
            database.upgrade(engine)
        except Exception as error:  # whatever it is, it would have kept a worker from starting
            failures.append(error)
        engine.dispose()

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_nobody_else_on_the_machine_may_read_the_database(tmp_path):
    engine = database.open_engine(f"sqlite:///{tmp_path}/new.db")
    database.upgrade(engine)
    engine.dispose()
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600
