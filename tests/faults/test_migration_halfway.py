"""A migration is killed in the middle: the schema is the old one or the new one, and the next try goes through."""

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from authservice.contract import OPERATOR
from authservice.errors import Unavailable
from authservice.local import database, invariants
from authservice.local.backend import LocalBackend
from authservice.local.migrations import REVISIONS
from tests.conftest import make_settings
from tests.faults.guests import wait_until
from tests.services import free_port
from tests.services.server import ROOT
from tests.services.wire import line_to

UPGRADE_AND_DIE = """
import os, signal, sys
from itertools import count
from sqlalchemy import event
from authservice.local import database

engine, numbers = database.open_engine(sys.argv[1]), count(1)

@event.listens_for(engine, "after_cursor_execute")
def die(connection, cursor, statement, *_):
    if statement.lstrip().upper().startswith(("CREATE", "ALTER", "DROP", "UPDATE", "INSERT")):
        if next(numbers) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

database.upgrade(engine)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request, tmp_path):
    """An engine on an empty database."""
    url = (f"sqlite:///{tmp_path}/authservice.db" if request.param == "sqlite"
           else request.getfixturevalue("postgres").create_database())
    engine = database.open_engine(url)
    yield engine
    engine.dispose()


def upgrade_and_die(engine, after: int) -> int:
    """Upgrade in a process that kills itself after so many changes of the schema; gives its exit code."""
    url = engine.url.render_as_string(hide_password=False)
    return subprocess.run([sys.executable, "-c", UPGRADE_AND_DIE, url, str(after)], cwd=ROOT, timeout=60).returncode


def tables(engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def is_whole(engine) -> bool:
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), database.Base.metadata) == []


def test_an_empty_database_stays_empty_until_it_has_all_tables(engine):
    assert upgrade_and_die(engine, 12) == -9
    assert tables(engine) == set() and database.revision(engine) is None
    database.upgrade(engine)
    assert database.revision(engine) == REVISIONS[-1] and is_whole(engine)


def test_a_database_in_use_is_as_it_was_and_loses_nothing(engine, tmp_path):
    database.upgrade(engine)
    settings = make_settings(tmp_path, database_url=engine.url.render_as_string(hide_password=False))
    backend = LocalBackend(settings)
    pool_id = backend.call("CreateUserPool", {"PoolName": "p"}, OPERATOR)["UserPool"]["Id"]
    backend.close()
    database.downgrade(engine, REVISIONS[0])
    before = tables(engine)
    assert upgrade_and_die(engine, 3) == -9
    assert database.revision(engine) == REVISIONS[0] and tables(engine) == before
    database.upgrade(engine)
    assert is_whole(engine)
    backend = LocalBackend(settings)
    assert backend.call("DescribeUserPool", {"UserPoolId": pool_id}, OPERATOR)["UserPool"]["Name"] == "p"
    assert backend.run(lambda call: list(invariants.violations(call))) == []
    backend.close()


def test_a_worker_that_waits_goes_to_work_when_the_schema_is_mended(postgres, tmp_path, caplog):
    """The database was away at the start, and when it came it was another version's."""
    engine, port = database.open_engine(postgres.create_database()), free_port()
    database.upgrade(engine)
    database.downgrade(engine, REVISIONS[0])
    by_line = engine.url.set(port=port).render_as_string()
    backend = LocalBackend(make_settings(tmp_path, database_url=by_line))
    with line_to(postgres.port, at=port):
        with pytest.raises(Unavailable):
            backend.run(lambda call: None)
        wait_until(lambda: "run: authservice db upgrade" in caplog.text)
        database.upgrade(engine)
        wait_until(lambda: backend.preparation.done)
        assert backend.run(lambda call: "at work") == "at work"
        backend.close()
    engine.dispose()
