"""A provider whose public URL is where it really listens; on SQLite, or on PostgreSQL for some tests."""

import shutil
import threading
from contextlib import contextmanager

import pytest
from werkzeug.serving import make_server

from authservice import create_app
from authservice.local.backend import LocalBackend
from tests.conftest import Clock, make_settings
from tests.oauth.provider import Provider, populate

BOTH_DATABASES = pytest.mark.parametrize("database", ["sqlite", "postgresql"])
STRICT = pytest.mark.parametrize("oidc", ["strict"])
BOTH_MODES = pytest.mark.parametrize("oidc", ["cognito", "strict"])


@pytest.fixture(scope="session")
def populated(tmp_path_factory, empty_database):
    """An instance folder with pools, app clients and a user, to copy."""
    folder = tmp_path_factory.mktemp("populated")
    shutil.copy(empty_database, folder / "authservice.db")
    backend = LocalBackend(make_settings(folder), Clock())
    populate(backend)
    with backend.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    backend.close()
    return folder


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def oidc() -> str:
    """The setting `oidc` of the provider under test."""
    return "cognito"


@pytest.fixture
def provider(request, database, oidc, populated, templates, tmp_path, clock):
    if database == "postgresql":
        where = {"database_url": request.getfixturevalue("postgres").create_migrated_database()}
    else:
        where = {}
        copy_instance(populated, tmp_path)
    with serving(tmp_path, clock, templates, oidc=oidc, **where) as provider:
        yield provider


def copy_instance(populated, folder) -> None:
    for name in ("authservice.db", "seal.key"):
        shutil.copy(populated / name, folder / name)


@contextmanager
def serving(instance, clock, templates, **settings):
    """A provider on this instance folder, reached at its public URL; populated if its database is a new one."""
    app = None
    server = make_server("127.0.0.1", 0, lambda environ, start: app(environ, start), threaded=True)
    url = f"http://localhost:{server.port}"
    backend = LocalBackend(make_settings(instance, public_url=url, **settings), clock)
    if "database_url" in settings:
        populate(backend)
    app = create_app(backend.settings, backend=backend)
    app.jinja_env.bytecode_cache = templates
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield Provider(url, backend, clock)
    server.shutdown()
    thread.join()
    backend.close()
