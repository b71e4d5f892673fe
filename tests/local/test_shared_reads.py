"""Reads that come while another is under way at PostgreSQL share the next round trip, and nothing else."""

import itertools
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from unittest.mock import Mock

import pytest
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.exc import DataError

from authservice.local import database, prepared, shared_reads
from authservice.local.availability import Meaning, meaning
from authservice.local.backend import LocalBackend
from authservice.local.models import Event, Pool
from authservice.local.shared_reads import SharedReads
from tests.conftest import make_settings

BY_ID = select(Event.name).where(Event.id == bindparam("id"))
BY_A_BROKEN_RULE = select(Event.name).where(Event.id == bindparam("id"), text("1 / length(record) > 0"))
NAMES = [f"name {number}" for number in range(6)]
PATIENCE_SECONDS = 2


def event_id(name: str) -> str:
    return f"{name:>36}"


@pytest.fixture
def engine(postgres):
    engine = database.open_engine(postgres.create_migrated_database(), PATIENCE_SECONDS, threads=8)
    with engine.begin() as connection:
        connection.execute(insert(Event.__table__), [
            {"id": event_id(name), "name": name, "record": ""} for name in NAMES])
    yield engine
    engine.dispose()


@pytest.fixture
def reads(engine):
    connections = database.Connections()
    yield SharedReads(engine, connections)
    connections.close()


@pytest.fixture
def trips(monkeypatch) -> list[int]:
    """How many reads each round trip had of those that were asked together."""
    trips, together = [], prepared.together

    def noting(connection, steps, *more):
        trips.append(len(steps))
        return together(connection, steps, *more)

    monkeypatch.setattr(prepared, "together", noting)
    return trips


@contextmanager
def held(engine):
    """No read comes back while this lasts."""
    with engine.connect() as connection:
        connection.exec_driver_sql("SET idle_in_transaction_session_timeout = 0")
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        yield
        connection.exec_driver_sql("ROLLBACK")


@pytest.fixture
def asked(engine, reads, monkeypatch):
    """Asks one read, which is held up, and then others, each by a thread; gives their futures when all wait."""
    monkeypatch.setattr(shared_reads, "PATIENCE_SECONDS", 30)
    with ThreadPoolExecutor(len(NAMES)) as threads:
        def ask(first: tuple, *others: tuple) -> list[Future]:
            futures = [threads.submit(reads.rows, *first)]
            until(lambda: wait_for_a_lock(engine))
            futures += [threads.submit(reads.rows, *other) for other in others]
            until(lambda: len(reads._waiting) == len(others))
            return futures

        yield ask


def wait_for_a_lock(engine) -> int:
    """How many reads do."""
    with engine.connect() as connection:
        return len(connection.exec_driver_sql("SELECT 1 FROM pg_locks WHERE NOT granted").all())


def until(holds, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


def by_id(name: str) -> tuple:
    return BY_ID, {"id": event_id(name)}


def test_those_who_come_while_one_is_asked_are_asked_together_and_each_gets_his_own(engine, asked, trips):
    with held(engine):
        found = asked(*map(by_id, NAMES[:-1]), by_id("nobody"))
    assert [each.result() for each in found] == [[(name,)] for name in NAMES[:-1]] + [[]]
    assert trips == [len(NAMES) - 1]


def test_one_alone_is_asked_at_once_and_sees_what_was_committed_before(engine, reads, trips):
    for name in ("one", "two"):
        with engine.connect() as connection:
            connection.execute(Event.__table__.update().where(Event.id == event_id(NAMES[0])).values(name=name))
        assert reads.rows(*by_id(NAMES[0])) == [(name,)]
    assert trips == []


@pytest.mark.parametrize(("bad", "error"), [
    ((BY_A_BROKEN_RULE, {"id": event_id(NAMES[0])}), DataError),  # the server's word: then it runs none of the rest
    ((BY_ID, {"id": "a text\0"}), DataError),
    ((BY_ID, {"id": 7}), TypeError)])
@pytest.mark.parametrize("is_first", [True, False])
def test_who_asks_what_cannot_be_answered_fails_alone(engine, reads, asked, bad, error, is_first):
    good = [by_id(name) for name in NAMES[:3]]
    with held(engine):
        first, *others = asked(by_id(NAMES[3]), *([bad, *good] if is_first else [*good, bad]))
    failed = others.pop(0 if is_first else -1)
    assert first.result() == [(NAMES[3],)]
    assert [each.result() for each in others] == [[(name,)] for name in NAMES[:3]]
    with pytest.raises(error):
        failed.result()
    assert reads.rows(*by_id(NAMES[0])) == [(NAMES[0],)]


def test_a_connection_that_breaks_is_told_to_him_whose_read_it_has_and_the_others_have_another(engine, reads, asked):
    with held(engine):
        first, *others = asked(*map(by_id, NAMES))
        with engine.connect() as other:
            other.exec_driver_sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
        assert meaning(first.exception()) is Meaning.BROKEN
    assert [each.result() for each in others] == [[(name,)] for name in NAMES[1:]]


def test_nobody_waits_for_others_for_longer_than_a_moment(engine, reads):
    elsewhere = select(Pool.name).where(Pool.id == bindparam("id"))
    with ThreadPoolExecutor(2) as threads, held(engine):
        threads.submit(reads.rows, *by_id(NAMES[0]))
        until(lambda: wait_for_a_lock(engine))
        began = time.monotonic()
        assert threads.submit(reads.rows, elsewhere, {"id": "none"}).result() == []
        assert time.monotonic() - began < 0.5


def test_nobody_waits_for_longer_than_for_the_database(engine, reads):
    with ThreadPoolExecutor(len(NAMES)) as threads, held(engine):
        began = time.monotonic()
        everybody = [threads.submit(reads.rows, *by_id(name)) for name in NAMES]
        assert {meaning(each.exception()) for each in everybody} == {Meaning.AWAY}
        assert time.monotonic() - began < 1.5 * PATIENCE_SECONDS
    assert reads.rows(*by_id(NAMES[0])) == [(NAMES[0],)]


def test_a_database_that_is_far_is_asked_by_everybody_himself_until_it_is_near(engine, reads, monkeypatch):
    monkeypatch.setattr(shared_reads, "PATIENCE_SECONDS", 30)
    clock = itertools.count(step=0.01)
    monkeypatch.setattr(shared_reads, "perf_counter", lambda: next(clock))
    for _ in range(shared_reads.TRIPS):
        reads.rows(*by_id(NAMES[0]))
    with ThreadPoolExecutor(len(NAMES)) as threads, held(engine):
        everybody = [threads.submit(reads.rows, *by_id(name)) for name in NAMES]
        until(lambda: wait_for_a_lock(engine) == len(NAMES))
    assert [each.result() for each in everybody] == [[(name,)] for name in NAMES]
    monkeypatch.setattr(shared_reads, "perf_counter", lambda: 0)
    for _ in range(shared_reads.TRIPS):
        reads.rows(*by_id(NAMES[0]))
    assert reads._is_near


def test_whatever_happens_to_him_who_asks_the_others_are_asked(engine, reads, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(prepared, "rows", Mock(side_effect=SystemExit))
        with pytest.raises(SystemExit):
            reads.rows(*by_id(NAMES[0]))
    assert reads.rows(*by_id(NAMES[0])) == [(NAMES[0],)]


def test_many_threads_read_at_once_and_all_is_as_it_should_be(engine, reads, trips):
    wrong = []

    def read(name: str) -> None:
        for _ in range(300):
            if (found := reads.rows(*by_id(name))) != [(name,)]:
                wrong.append((name, found))

    threads = [threading.Thread(target=read, args=[name]) for name in NAMES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong and not any(thread.is_alive() for thread in threads)
    assert trips and set(trips) <= set(range(2, len(NAMES)))


def test_a_call_that_has_a_transaction_reads_in_it(postgres, tmp_path):
    store = LocalBackend(make_settings(tmp_path, database_url=postgres.create_migrated_database()))

    def work(call) -> list:
        before = call.read(*by_id(NAMES[0]))
        database.begin_writing(call.db)
        call.db.add(Event(id=event_id(NAMES[0]), name="mine", record=""))
        call.db.flush()
        return [before, call.read(*by_id(NAMES[0]))]

    assert store.run(work) == [[], [("mine",)]]
    store.close()


def test_on_sqlite_each_call_asks_itself(tmp_path):
    store = LocalBackend(make_settings(tmp_path))
    assert store.tools.shared_reads is None and store.run(lambda call: call.read(*by_id(NAMES[0]))) == []
    store.close()
