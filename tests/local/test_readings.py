"""What a process remembers of pools and app clients is never older than the database, on any worker."""

import pytest

from authservice.contract import ANONYMOUS, OPERATOR
from authservice.local import readings
from authservice.local.backend import LocalBackend
from authservice.local.operations import clients
from tests.conftest import make_settings
from tests.oauth.provider import NAME, PASSWORD, populate


@pytest.fixture
def workers(tmp_path):
    """Two backends on one populated database, as two workers are."""
    two = [LocalBackend(make_settings(tmp_path)) for _ in range(2)]
    populate(two[0])
    yield two
    for worker in two:
        worker.close()


@pytest.fixture
def client(workers) -> dict:
    """The app client `web`, its password flow switched on."""
    [pool_id] = [pool["Id"] for pool in workers[0].call("ListUserPools", {"MaxResults": 9}, OPERATOR)["UserPools"]
                 if pool["Name"] == "pool"]
    return workers[0].call("CreateUserPoolClient", {
        "UserPoolId": pool_id, "ClientName": "own form",
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]}, OPERATOR)["UserPoolClient"]


def tokens(worker, client: dict, **parameters) -> dict:
    parameters = parameters or {"USERNAME": NAME, "PASSWORD": PASSWORD}
    flow = "REFRESH_TOKEN_AUTH" if "REFRESH_TOKEN" in parameters else "USER_PASSWORD_AUTH"
    return worker.call("InitiateAuth", {"ClientId": client["ClientId"], "AuthFlow": flow, "AuthParameters": parameters},
                       ANONYMOUS)["AuthenticationResult"]


def named(client: dict) -> dict:
    return {name: client[name] for name in ("UserPoolId", "ClientId")}


def test_a_change_by_one_worker_holds_at_the_other_at_once(workers, client):
    one, other = workers
    token = tokens(one, client)["RefreshToken"]
    assert tokens(other, client, REFRESH_TOKEN=token)["ExpiresIn"] == 3600
    one.call("UpdateUserPoolClient", {**named(client), "AccessTokenValidity": 2,
                                      "ExplicitAuthFlows": client["ExplicitAuthFlows"]}, OPERATOR)
    assert tokens(other, client, REFRESH_TOKEN=token)["ExpiresIn"] == 7200


def test_an_app_client_made_anew_with_an_old_ones_id_is_not_the_old_one(workers, client):
    one, other = workers
    tokens(other, client)
    one.call("DeleteUserPoolClient", named(client), OPERATOR)
    pool_id, request = client["UserPoolId"], {"ClientName": "anew", "AccessTokenValidity": 3,
                                              "ExplicitAuthFlows": client["ExplicitAuthFlows"]}
    one.run(lambda call: clients.new_client(call, call.db.get(readings.Pool, pool_id), request,
                                            client_id=client["ClientId"]) and None)
    assert tokens(other, client)["ExpiresIn"] == 3 * 3600


@pytest.mark.parametrize(("query", "look"), [
    (readings._BY_EVENT, lambda call, found: readings._sign_in(call, found)),
    (readings._CLIENT, lambda call, found: readings._remembered(call, readings.AppClient, "gone", tuple(found)))])
def test_what_is_deleted_between_a_query_and_a_look_at_it_is_gone(workers, client, query, look):
    one, other = workers
    tokens(one, client)
    [event_id] = one.run(lambda call: call.db.scalars(readings.select(readings.SignIn.event_id)).all())
    one.tools.remembered_settings.clear()

    def work(call):
        [found] = call.read(query, {"event_id": event_id, "client_id": client["ClientId"]})
        other.call("DeleteUserPoolClient", named(client), OPERATOR)
        return look(call, found)

    assert one.run(work) is None
