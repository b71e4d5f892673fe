"""The database: its schema, forward and back; copies; files are private; faults between rows are found."""

import contextlib
import itertools
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateTable

from authservice.config import SettingsError
from authservice.contract import OPERATOR
from authservice.local import database, invariants
from authservice.local.backend import LocalBackend
from authservice.local.migrations import REVISIONS
from authservice.local.models import AppClient, AuthorizationCode, User
from tests.conftest import make_settings
from tests.oauth.provider import populate
from tests.services.server import ROOT, command


def test_the_migrations_make_exactly_the_tables_of_the_models(local):
    with local.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), database.Base.metadata) == []


def test_the_list_of_revisions_is_that_of_the_migrations():
    scripts = ScriptDirectory(database.MIGRATIONS).walk_revisions()
    assert [script.revision for script in scripts] == list(reversed(REVISIONS))


def test_they_do_so_on_postgresql_too(postgres):
    engine = database.open_engine(postgres.create_database())
    database.upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), database.Base.metadata) == []
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request, tmp_path):
    """An engine on a database without tables."""
    url = (f"sqlite:///{tmp_path}/new.db" if request.param == "sqlite"
           else request.getfixturevalue("postgres").create_database())
    engine = database.open_engine(url)
    yield engine
    engine.dispose()


def test_several_threads_may_upgrade_at_once(engine):
    url, failures = engine.url.render_as_string(hide_password=False), []

    def upgrade():
        own = database.open_engine(url)
        try:
            database.upgrade(own)
        except Exception as error:  # whatever it is, it would have kept a worker from starting
            failures.append(error)
        own.dispose()

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and database.revision(engine) == REVISIONS[-1]


def test_several_threads_may_be_the_first_to_open_a_file_at_once(tmp_path):
    failures, together = [], threading.Barrier(4)

    def open_all():
        for number in range(20):
            own = database.open_engine(f"sqlite:///{tmp_path / str(number)}")
            together.wait()
            try:
                own.connect().close()
            except SQLAlchemyError as error:
                failures.append(error)
            own.dispose()

    threads = [threading.Thread(target=open_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


UPGRADE = "import sys; from authservice.local import database as d; d.upgrade(d.open_engine(sys.argv[1]))"


def test_several_processes_may_upgrade_at_once(engine):
    command = [sys.executable, "-c", UPGRADE, engine.url.render_as_string(hide_password=False)]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(4)]
    assert [process.wait(timeout=60) for process in processes] == [0] * 4
    assert database.revision(engine) == REVISIONS[-1]


def rows(engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {table.name: connection.scalar(select(func.count()).select_from(table))
                for table in database.Base.metadata.sorted_tables}


def test_migrations_go_back_and_forth_with_data_in_them(engine, tmp_path):
    database.upgrade(engine)
    backend = LocalBackend(make_settings(tmp_path, database_url=engine.url.render_as_string(hide_password=False)))
    populate(backend)
    before = rows(engine)
    assert before["users"] and before["signing_keys"] and before["app_clients"]
    backend.close()
    database.downgrade(engine, "0001")
    assert database.revision(engine) == "0001"
    database.upgrade(engine)
    assert rows(engine) == {**before, "events": 0}  # what only the newer schema holds is lost


def test_a_database_of_another_version_is_refused_and_left_alone(engine):
    database.prepare(engine)
    newest = database.revision(engine)
    database.downgrade(engine, "0001")
    with pytest.raises(SettingsError, match="authservice db upgrade"):
        database.prepare(engine)
    assert database.revision(engine) == "0001"
    database.upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'from-tomorrow'")
    with pytest.raises(SettingsError, match="a newer version made this database"):
        database.prepare(engine)
    assert database.revision(engine) == "from-tomorrow" != newest


def test_a_copy_is_whole_while_others_write(tmp_path):
    backend = LocalBackend(make_settings(tmp_path))
    populate(backend)
    pool_id = backend.call("ListUserPools", {"MaxResults": 2}, OPERATOR)["UserPools"][0]["Id"]
    copied, number = [], itertools.count()

    def write(left: int, total: int) -> None:
        copied.append(total)
        backend.call("AdminCreateUser", {"UserPoolId": pool_id, "Username": f"user-{next(number)}@example.com",
                                         "MessageAction": "SUPPRESS"}, OPERATOR)

    database.backup(backend.engine, tmp_path / "copy.db", write)
    with pytest.raises(FileExistsError):
        database.backup(backend.engine, tmp_path / "copy.db", write)
    backend.close()
    assert copied and stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    restored = LocalBackend(make_settings(tmp_path, database_url=f"sqlite:///{tmp_path}/copy.db"))
    assert restored.run(lambda call: list(invariants.violations(call))) == []
    assert restored.call("ListUserPools", {"MaxResults": 2}, OPERATOR)["UserPools"]
    restored.close()


def test_a_copy_that_fails_leaves_no_file(tmp_path):
    backend = LocalBackend(make_settings(tmp_path))

    def full(left: int, total: int) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        database.backup(backend.engine, tmp_path / "copy.db", full)
    assert not (tmp_path / "copy.db").exists()
    backend.close()


def test_a_server_is_not_copied_as_a_file_is(postgres, tmp_path):
    engine = database.open_engine(postgres.create_database())
    with pytest.raises(SettingsError, match="pg_dump"):
        database.backup(engine, tmp_path / "copy.db", print)
    assert not (tmp_path / "copy.db").exists()
    engine.dispose()


def test_nothing_of_one_kind_of_server_is_needed():
    """Neither sequences nor types or locks that PostgreSQL-compatible engines lack."""
    tables = database.Base.metadata.sorted_tables
    assert not [column for table in tables for column in table.columns if column.identity or column.default
                and column.default.is_sequence]
    ddl = "".join(str(CreateTable(table).compile(dialect=postgresql.dialect())) for table in tables)
    assert not re.search(r"SERIAL|SEQUENCE|EXTENSION|HSTORE|INET|\[\]", ddl, re.I)
    sources = "".join(path.read_text() for path in Path(database.__file__).parent.rglob("*.py"))
    assert "advisory" not in sources and "CREATE EXTENSION" not in sources


FAULTS = {
    "half a password": "UPDATE users SET srp_salt = NULL",
    "has no name to sign in with": "DELETE FROM names",
    "in another pool": "UPDATE names SET pool_id = 'us-east-1_elsewhere'",
    "does not open with this seal.key": "UPDATE signing_keys SET private_key = CAST(X'00' || private_key AS BLOB)",
    "0 keys that sign id tokens": "DELETE FROM signing_keys WHERE \"use\" = 'id'",
    "belongs to a row of users that is not there": "DELETE FROM users",
    "is used, but no sign-in came of it": "UPDATE authorization_codes SET used_at = '2026-01-01 00:00:00', "
                                          "sign_in_id = NULL",
}


@pytest.mark.parametrize(("told", "damage"), FAULTS.items(), ids=list(FAULTS))
def test_the_check_finds_what_should_not_be(tmp_path, told, damage):
    backend = LocalBackend(make_settings(tmp_path))
    populate(backend)
    add_code(backend)
    assert backend.run(lambda call: list(invariants.violations(call))) == []
    with contextlib.closing(sqlite3.connect(tmp_path / "authservice.db")) as connection:
        connection.execute(damage)
        connection.commit()
    found = backend.run(lambda call: list(invariants.violations(call)))
    assert found and all(told in line for line in found)
    backend.close()


def add_code(backend) -> None:
    def work(call):
        user = call.db.scalars(select(User)).first()
        client = call.db.scalars(select(AppClient).where(AppClient.pool_id == user.pool_id)).unique().first()
        call.db.add(AuthorizationCode(id=b"c" * 32, client_id=client.id, user_id=user.id, redirect_uri="x", scopes=[],
                                      methods=[], auth_time=call.now, expires_at=call.later(minutes=5)))

    backend.run(work)


def test_nobody_else_on_the_machine_may_read_the_database(tmp_path):
    engine = database.open_engine(f"sqlite:///{tmp_path}/new.db")
    database.upgrade(engine)
    engine.dispose()
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600


def test_to_be_told_what_there_is_makes_no_database(tmp_path):
    told = command(tmp_path, "--help")
    assert told.returncode == 0 and "serve" in told.stdout and "routes" in told.stdout
    assert list(tmp_path.iterdir()) == []
