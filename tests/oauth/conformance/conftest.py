"""The provider in both modes, a person with every standard claim, and the relying party that tests it."""

import shutil

import pytest

from authservice.contract import OPERATOR
from authservice.local.backend import LocalBackend
from tests.conftest import Clock, make_settings
from tests.oauth.conformance.relying_party import PERSON, RelyingParty
from tests.oauth.conftest import copy_instance, serving
from tests.oauth.provider import NAME


@pytest.fixture(scope="session")
def populated(populated, tmp_path_factory):
    """The instance folder of the other tests, in which the user has a value for every standard claim."""
    folder = tmp_path_factory.mktemp("person") / "instance"
    shutil.copytree(populated, folder)
    backend = LocalBackend(make_settings(folder), Clock())
    pools = backend.call("ListUserPools", {"MaxResults": 10}, OPERATOR)["UserPools"]
    [pool_id] = [pool["Id"] for pool in pools if pool["Name"] == "pool"]
    attributes = [{"Name": name, "Value": value} for name, value in PERSON.items()]
    backend.call("AdminUpdateUserAttributes", {"UserPoolId": pool_id, "Username": NAME,
                                               "UserAttributes": attributes}, OPERATOR)
    with backend.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    backend.close()
    return folder


@pytest.fixture(scope="module", params=["cognito", "strict"])
def provider(request, populated, templates, tmp_path_factory):
    """One for all tests of a module: what a test changes but clock, clients and users of its own, it does in
    `own_provider`.
    """
    yield from served(request.param, populated, templates, tmp_path_factory.mktemp("provider"))


@pytest.fixture(params=["cognito", "strict"])
def own_provider(request, populated, templates, tmp_path):
    yield from served(request.param, populated, templates, tmp_path)


def served(oidc: str, populated, templates, folder):
    copy_instance(populated, folder)
    with serving(folder, Clock(), templates, oidc=oidc) as provider:
        yield provider


@pytest.fixture
def rp(provider) -> RelyingParty:
    """A relying party with a secret, and a person at a fresh browser."""
    return RelyingParty(provider)
