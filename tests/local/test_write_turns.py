"""Writers to one SQLite file: each comes to his turn, in this process or another, and nobody keeps one for good."""

import sqlite3
import threading
import time

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from authservice.local import database

THREADS, TIMES = 8, 25


@pytest.fixture
def engine(tmp_path):
    engine = database.open_engine(f"sqlite:///{tmp_path / 'one.db'}", wait_seconds=1, threads=THREADS)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE counts (id INTEGER PRIMARY KEY, number INTEGER)")
        connection.exec_driver_sql("INSERT INTO counts VALUES (1, 0)")
    yield engine
    engine.dispose()


def count(engine) -> int:
    with engine.connect() as connection:
        return connection.exec_driver_sql("SELECT number FROM counts").scalar()


def add_one(engine) -> None:
    """Read and write in one transaction: without the lock one would overwrite another's."""
    with engine.connect() as connection:
        database.begin_writing(connection)
        number = connection.exec_driver_sql("SELECT number FROM counts").scalar()
        connection.exec_driver_sql("UPDATE counts SET number = ?", (number + 1,))
        connection.commit()


def test_all_who_write_at_once_have_written(engine):
    def write() -> None:
        for _ in range(TIMES):
            add_one(engine)

    threads = [threading.Thread(target=write) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(engine) == THREADS * TIMES


def test_of_one_process_only_one_thread_at_a_time_asks_for_the_lock(engine):
    """While another process writes, or whoever opened the file without us."""
    asking, most = [], []

    @event.listens_for(engine, "connect")
    def look(connection, _) -> None:
        connection.set_trace_callback(lambda statement: statement == "BEGIN IMMEDIATE" and (
            asking.append(threading.get_ident()), most.append(len(set(asking)))))

    engine.dispose()
    stranger = sqlite3.connect(engine.url.database, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    threads = [threading.Thread(target=add_one, args=[engine]) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)  # they are all on their way; fewer would not be seen to do more than they may
    assert len(set(asking)) == 1 < len(asking)
    stranger.execute("COMMIT")
    stranger.close()
    for thread in threads:
        thread.join()
    assert count(engine) == THREADS


def test_who_waits_too_long_is_told_that_the_database_is_busy(engine):
    with engine.connect() as holder:
        database.begin_writing(holder)
        began = time.monotonic()
        with engine.connect() as other, pytest.raises(OperationalError) as refused:
            database.begin_writing(other)
        assert refused.value.orig.sqlite_errorcode == sqlite3.SQLITE_BUSY
        assert 0.9 < time.monotonic() - began < 5
        holder.rollback()
    add_one(engine)


@pytest.mark.parametrize("end", ["rollback", "close", "invalidate", "detach"])
def test_a_transaction_that_ends_in_another_way_gives_its_turn_up(engine, end):
    connection = engine.connect()
    database.begin_writing(connection)
    connection.exec_driver_sql("UPDATE counts SET number = 7")
    getattr(connection, end)()
    connection.close()
    add_one(engine)
    assert count(engine) == 1


def test_a_begin_that_fails_gives_its_turn_up(engine):
    with engine.connect() as connection:
        database.begin_writing(connection)
        with pytest.raises(OperationalError, match="within a transaction"):
            database.begin_writing(connection)
        connection.rollback()
    add_one(engine)
    assert count(engine) == 1


def test_a_commit_that_fails_keeps_its_turn_until_it_is_rolled_back(engine):
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE parts (whole REFERENCES counts DEFERRABLE INITIALLY DEFERRED)")
        database.begin_writing(connection)
        connection.exec_driver_sql("INSERT INTO parts VALUES (99)")
        with pytest.raises(Exception, match="FOREIGN KEY"):
            connection.commit()
        driver = connection.connection.driver_connection
        assert driver.in_transaction and driver.turn.locked()
        driver.rollback()
        assert not driver.turn.locked()
    add_one(engine)
