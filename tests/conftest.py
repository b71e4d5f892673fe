"""Fixtures for every room: a moved clock, a backend on a fresh database, the doors over it.

What most tests need and none is about is made once in a run: RSA keys, the schema, the compiled templates.

`backend` runs a test once per way the API can be reached: `local` (in process,
SQLite), `postgresql` (in process), and `wire` (the Cognito adapter → boto3 → HTTP
→ our own API). Every answer is held to the model's output shape, every refusal to
the operation's list of errors.
"""

import itertools
import shutil
import threading
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path

import pytest
from jinja2 import FileSystemBytecodeCache
from werkzeug.serving import make_server

from authservice import create_app
from authservice.audit import events
from authservice.cognito.backend import CognitoBackend
from authservice.config import Settings
from authservice.contract import ANONYMOUS, OPERATOR, service
from authservice.crypto import jwt
from authservice.errors import CognitoError
from authservice.local import database
from authservice.local.backend import LocalBackend
from tests.services import postgres as postgres_service
from tests.services import redis as redis_service
from tests.services import unavailable

QUICK_HASHES = {"argon2_memory_kib": 64, "argon2_time": 1}
"""Cheap password hashes: most tests are not about their cost."""

MANY_THREADS = 64
"""A test may have more calls under way at once than a worker."""

UNLISTED_ERRORS = {"MissingAuthenticationTokenException", "SerializationException", "NotImplementedException",
                   "UnknownOperationException", "InvalidParameterException"}

KEYS = []
generate_key = jwt.generate_key

LONG_ROOMS = ("scripts", "clients", "faults", "hosted", "tests", "stories", "demo")
"""Their files have few tests that take long: processes are started, browsers, clients in other languages."""


def pytest_collection_modifyitems(items):
    """The long files first: in a run by several processes the short ones fill what is left at the end."""
    def place(item) -> int:
        room = item.path.parent.name
        return LONG_ROOMS.index(room) if room in LONG_ROOMS else len(LONG_ROOMS)

    items.sort(key=place)


class Clock:
    """A clock that only tests move."""

    def __init__(self):
        self.now = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration) -> None:
        self.now += timedelta(**duration)


class HeldToTheModel:
    """A backend whose every answer and refusal is checked against Cognito's own service model."""

    def __init__(self, backend):
        self.inner = backend

    def call(self, operation: str, request: dict | None = None, caller=None) -> dict:
        caller = caller or (ANONYMOUS if service().is_public(operation) else OPERATOR)
        try:
            answer = self.inner.call(operation, request or {}, caller)
        except CognitoError as refusal:
            allowed = service().errors_of(operation) | UNLISTED_ERRORS
            assert refusal.code in allowed, f"{operation} may not answer {refusal}"
            raise
        assert service().output_problems(operation, answer) == []
        return answer

    def refusal(self, operation: str, request: dict | None = None, caller=None) -> str:
        """Call what must be refused; answers 'Code: message'."""
        with pytest.raises(CognitoError) as caught:
            self.call(operation, request, caller)
        return str(caught.value)


@pytest.fixture(autouse=True)
def ready_made_keys(monkeypatch):
    """Real RSA keys, made once in a run and handed out anew to each test: to make two takes longer than a test."""
    numbers, turn = itertools.count(), threading.Lock()

    def following() -> bytes:
        with turn:
            number = next(numbers)
            if number == len(KEYS):
                KEYS.append(generate_key())
            return KEYS[number]

    monkeypatch.setattr(jwt, "generate_key", following)


@pytest.fixture(autouse=True, scope="session")
def keys_are_opened_once():
    """Reading an RSA key checks it, at the cost of thirty signatures; the same bytes are the same key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jwt, "load_private", lru_cache(maxsize=256)(jwt.load_private))
        yield


@pytest.fixture(autouse=True)
def events_in_order():
    """While a clock stands still events are in order by twelve bits of a number: they do not wrap during a test."""
    while next(events.numbers) & 0xfff > 0xe00:
        pass


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory) -> Path:
    """A SQLite file with the newest schema and nothing in it, to copy."""
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    engine = database.open_engine(f"sqlite:///{path}")
    database.upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of this test run; skips where its binaries are not installed."""
    reason = postgres_service.missing()
    if reason:
        unavailable("POSTGRES", reason)
    with postgres_service.running() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server():
    """A Redis server of this test run; skips where its program is not installed."""
    reason = redis_service.missing()
    if reason:
        unavailable("REDIS", reason)
    with redis_service.running() as server:
        yield server


def make_settings(instance: Path, **given) -> Settings:
    return Settings(instance=instance, **{**QUICK_HASHES, "threads": MANY_THREADS, **given})


@pytest.fixture
def settings(tmp_path, empty_database) -> Settings:
    """Settings of a fresh installation on SQLite."""
    shutil.copy(empty_database, tmp_path / "authservice.db")
    return make_settings(tmp_path)


@pytest.fixture
def local(settings, clock):
    """Our own backend in this process, on SQLite, with the moved clock."""
    backend = LocalBackend(settings, clock)
    yield backend
    backend.close()


@pytest.fixture(scope="session")
def templates(tmp_path_factory) -> FileSystemBytecodeCache:
    """The compiled templates: most tests have an app of their own and look at a page of it."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app(local, settings, templates):
    """The whole service as a Flask app."""
    app = create_app(settings, backend=local)
    app.testing = True
    app.jinja_env.bytecode_cache = templates
    return app


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def runner(app):
    return app.test_cli_runner()


@pytest.fixture
def served(app):
    """The service over real HTTP on loopback; gives its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@pytest.fixture(params=["local", "postgresql", "wire"])
def backend(request, clock, tmp_path):
    """The contract's backends, each held to the model."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").create_migrated_database()
        inner = LocalBackend(make_settings(tmp_path, database_url=url), clock)
        request.addfinalizer(inner.close)
    elif request.param == "local":
        inner = request.getfixturevalue("local")
    else:
        inner = CognitoBackend(make_settings(tmp_path, backend="cognito", region="us-east-1",
                                             cognito_endpoint_url=request.getfixturevalue("served")),
                               credentials=("local", "local"))
    return HeldToTheModel(inner)


@pytest.fixture
def held(local) -> HeldToTheModel:
    """The local backend, held to the model."""
    return HeldToTheModel(local)
