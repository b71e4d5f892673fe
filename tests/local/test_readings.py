"""What a process remembers of pools and app clients is not older than the database, or half a second where it may be."""

import re

import pytest
from sqlalchemy import Select

from authservice.contract import ANONYMOUS, OPERATOR
from authservice.errors import CognitoError
from authservice.local import believed, libpq, readings
from authservice.local.backend import LocalBackend
from authservice.local.operations import clients
from authservice.local.tokens import keys
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


@pytest.fixture
def moments(monkeypatch) -> list[float]:
    """The monotonic clock, in seconds; it stands until its last item is another."""
    moments = [100.0]
    monkeypatch.setattr(believed, "monotonic", lambda: moments[-1])
    return moments


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The ids of the pools and app clients that the database was asked about."""
    asked, one = [], readings._one

    def noting(call, query, values):
        asked.extend(values.values() if query in (readings._CLIENT, readings._POOL) else [])
        return one(call, query, values)

    monkeypatch.setattr(readings, "_one", noting)
    return asked


def lives_for(worker, client: dict, hours: int) -> None:
    """Change how long the access tokens live that this app client gets."""
    worker.call("UpdateUserPoolClient", {**named(client), "AccessTokenValidity": hours,
                                         "ExplicitAuthFlows": client["ExplicitAuthFlows"]}, OPERATOR)


def test_a_change_holds_where_it_was_made_at_once_and_elsewhere_in_half_a_second(workers, client, moments):
    one, other = workers
    for hours in (2, 3):
        tokens(one, client), tokens(other, client)
        lives_for(one, client, hours)
        assert tokens(one, client)["ExpiresIn"] == hours * 3600
        moments.append(moments[-1] + 0.5)
        assert tokens(other, client)["ExpiresIn"] == hours * 3600


def test_a_refresh_signs_by_a_pools_new_keys_at_once_whoever_rotated_them(workers, client, moments):
    one, other = workers
    refresh = tokens(other, client)["RefreshToken"]
    one.run(lambda call: keys.rotate(call, call.db.get(readings.Pool, client["UserPoolId"]), compromised=True) and None)
    token = tokens(other, client, REFRESH_TOKEN=refresh)["AccessToken"]
    assert other.call("GetUser", {"AccessToken": token}, ANONYMOUS)["Username"]


def test_for_half_a_second_the_database_is_not_asked_again(workers, client, moments, asked):
    one, _ = workers
    for moment in (0, 0.1, 0.49, 0.5, 0.9):
        moments.append(100 + moment)
        tokens(one, client)
    assert asked == 2 * [client["ClientId"]]


def test_a_user_is_read_by_the_pool_and_app_client_of_half_a_second_ago_and_is_himself_as_he_is(
        workers, client, moments, asked):
    one, other = workers
    token = tokens(one, client)["AccessToken"]
    readers = [lambda: one.call("GetUser", {"AccessToken": token}, ANONYMOUS),
               lambda: one.call("AdminGetUser", {"UserPoolId": client["UserPoolId"], "Username": NAME}, OPERATOR)]
    assert all(read() for read in readers)
    for moment in (0, 0.49, 0.5):
        asked.clear()
        moments.append(100 + moment)
        other.call("AdminUpdateUserAttributes", {"UserPoolId": client["UserPoolId"], "Username": NAME,
                                                 "UserAttributes": [{"Name": "name", "Value": str(moment)}]}, OPERATOR)
        for read in readers:
            assert {"Name": "name", "Value": str(moment)} in read()["UserAttributes"]
        assert asked == ([client["ClientId"], client["UserPoolId"]] if moment == 0.5 else [])


def test_what_may_be_read_follows_where_it_was_changed_at_once_and_elsewhere_in_half_a_second(workers, client, moments):
    one, other = workers
    token = tokens(one, client)["AccessToken"]

    def shows(worker) -> set[str]:
        return {each["Name"] for each in worker.call("GetUser", {"AccessToken": token}, ANONYMOUS)["UserAttributes"]}

    assert "email" in shows(one) & shows(other)
    one.call("UpdateUserPoolClient", {**named(client), "ReadAttributes": ["name"]}, OPERATOR)
    assert "email" not in shows(one)
    moments.append(100.5)
    assert "email" not in shows(other)


def test_a_compromised_key_is_good_for_nothing_at_any_worker_after_half_a_second(workers, client, moments):
    one, other = workers
    token = tokens(other, client)["AccessToken"]
    assert other.call("GetUser", {"AccessToken": token}, ANONYMOUS)
    one.run(lambda call: keys.rotate(call, call.db.get(readings.Pool, client["UserPoolId"]), compromised=True) and None)
    with pytest.raises(CognitoError, match="NotAuthorizedException"):
        one.call("GetUser", {"AccessToken": token}, ANONYMOUS)
    moments.append(100.5)
    with pytest.raises(CognitoError, match="NotAuthorizedException"):
        other.call("GetUser", {"AccessToken": token}, ANONYMOUS)


def test_a_token_of_a_key_that_is_newer_than_what_is_believed_is_good(workers, client, moments):
    one, other = workers
    old = tokens(other, client)["AccessToken"]
    assert other.call("GetUser", {"AccessToken": old}, ANONYMOUS)
    one.run(lambda call: keys.rotate(call, call.db.get(readings.Pool, client["UserPoolId"]), at_once=True) and None)
    new = tokens(one, client)["AccessToken"]
    for _ in range(2):
        assert other.call("GetUser", {"AccessToken": new}, ANONYMOUS)
        assert other.call("GetUser", {"AccessToken": old}, ANONYMOUS)


def test_a_pool_that_another_worker_has_deleted_is_gone_at_once(workers, client, moments):
    one, other = workers
    asked = {"UserPoolId": client["UserPoolId"], "Username": NAME}
    assert other.call("AdminGetUser", asked, OPERATOR)
    domain = one.call("DescribeUserPool", {"UserPoolId": client["UserPoolId"]}, OPERATOR)["UserPool"]["Domain"]
    one.call("DeleteUserPoolDomain", {"UserPoolId": client["UserPoolId"], "Domain": domain}, OPERATOR)
    one.call("DeleteUserPool", {"UserPoolId": client["UserPoolId"]}, OPERATOR)
    with pytest.raises(CognitoError, match="ResourceNotFoundException"):
        other.call("AdminGetUser", asked, OPERATOR)


def test_a_sign_in_is_no_change_that_ends_belief_and_a_new_user_may_be_one(workers, client, moments, asked):
    one, _ = workers
    tokens(one, client)
    one.call("AdminCreateUser", {"UserPoolId": client["UserPoolId"], "Username": "eve@example.com"}, OPERATOR)
    tokens(one, client), tokens(one, client)
    assert len(asked) == 2


def test_what_was_looked_up_when_something_changed_is_not_believed():
    known = believed.Believed()
    before, _ = known.look(), known.forget()
    before.saw("an id", "old")
    assert known.of("an id") is None
    known.look().saw("an id", "new")
    before.saw("an id", "old")
    assert known.of("an id") == "new"


def test_a_sign_in_at_an_app_client_that_another_worker_has_deleted_is_refused(workers, client, moments):
    one, other = workers
    tokens(other, client)
    one.call("DeleteUserPoolClient", named(client), OPERATOR)
    with pytest.raises(CognitoError, match="ResourceNotFoundException"):
        tokens(other, client)


@pytest.mark.parametrize("change", [
    lambda worker, client: worker.call("DeleteUserPoolClient", named(client), OPERATOR),
    lambda worker, client: worker.call("UpdateUserPoolClient", named(client), OPERATOR)])  # to no flows
def test_an_app_client_that_a_worker_has_changed_or_deleted_is_so_there_at_once(workers, client, moments, change):
    one, _ = workers
    tokens(one, client)
    change(one, client)
    assert readings_of(one, client) != client["ExplicitAuthFlows"]


def readings_of(worker, client: dict) -> list[str] | None:
    """The flows of the app client as the worker reads them for a sign-in."""
    found = worker.run(lambda call: readings.client(call, client["ClientId"]))
    return found and found.settings.get("ExplicitAuthFlows")


def test_an_app_client_made_anew_with_an_old_ones_id_is_not_the_old_one(workers, client, moments):
    one, other = workers
    tokens(other, client)
    one.call("DeleteUserPoolClient", named(client), OPERATOR)
    pool_id, request = client["UserPoolId"], {"ClientName": "anew", "AccessTokenValidity": 3,
                                              "ExplicitAuthFlows": client["ExplicitAuthFlows"]}
    one.run(lambda call: clients.new_client(call, call.db.get(readings.Pool, pool_id), request,
                                            client_id=client["ClientId"]) and None)
    moments.append(100.5)
    assert tokens(other, client)["ExpiresIn"] == 3 * 3600


def test_what_is_deleted_between_a_query_and_a_look_at_it_is_gone(workers, client):
    one, other = workers
    one.tools.remembered_settings.clear()

    def work(call):
        [found] = call.read(readings._CLIENT, {"client_id": client["ClientId"]})
        other.call("DeleteUserPoolClient", named(client), OPERATOR)
        return readings._remembered(call, readings.AppClient, client["ClientId"], tuple(found))

    assert one.run(work) is None


QUERIES = {name: query for name, query in vars(readings).items() if isinstance(query, Select)}
UNIQUE = re.compile(r"\b(pk_|uq_|sqlite_autoindex_)")


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_however_many_rows_there_are_one_is_found_by_what_is_its_alone(backend, query):
    """As a database plans that has not looked at its tables yet, for any values."""
    engine = backend.store.engine
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            statement = libpq.Statement(query, engine.dialect)
            connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
            connection.exec_driver_sql(f"PREPARE planned AS {statement._text.decode()}")
            values = ", ".join(["NULL"] * len(statement._order))
            lines = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN EXECUTE planned ({values})")]
            connection.exec_driver_sql("DEALLOCATE planned")
            connection.exec_driver_sql("RESET plan_cache_mode")
        else:
            compiled = query.compile(dialect=engine.dialect)
            lines = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}",
                                                                  (None,) * len(compiled.positiontup))]
    looks = [line for line in lines if re.search(r"\b(Scan|SCAN|SEARCH)\b", line)]
    assert looks and all(UNIQUE.search(line) for line in looks), lines
