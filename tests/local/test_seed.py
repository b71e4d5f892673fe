"""The seed: what a file describes is made, brought in line, made once, or refused with its place."""

import threading
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import select

from authservice.contract import OPERATOR
from authservice.local import seed
from authservice.local.backend import LocalBackend
from authservice.local.database import Base
from tests.conftest import make_settings

DEMO = Path(seed.__file__).parents[1] / "demo" / "seed.toml"
POOL, CLIENT = "us-east-1_Seeded001", "seededclient00000000000001"
FULL = """
[[pool]]
id = "us-east-1_Seeded001"
name = "Seeded"
domain = "seeded"

[pool.settings]
AliasAttributes = ["email"]
Schema = [{ Name = "level", AttributeDataType = "Number" }]

[pool.mfa]
MfaConfiguration = "OPTIONAL"
SoftwareTokenMfaConfiguration = { Enabled = true }

[[pool.client]]
id = "seededclient00000000000001"
name = "web"

[pool.client.settings]
ExplicitAuthFlows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
CallbackURLs = ["${demo_url}/callback", "${public_url}/back"]

[[pool.client]]
id = "seededmachine0000000000001"
name = "machine"
secret = "nosecretatallbutpinnedhere1"

[pool.client.settings]
AllowedOAuthFlowsUserPoolClient = true
AllowedOAuthFlows = ["client_credentials"]
AllowedOAuthScopes = ["api/read"]

[[pool.resource_server]]
identifier = "api"
name = "API"
scopes = [{ ScopeName = "read", ScopeDescription = "Read" }]

[[pool.group]]
name = "staff"
precedence = 3

[[pool.user]]
username = "user-1"
sub = "11111111-2222-4333-8444-555555555555"
password = "Right-passw0rd"
totp_secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
attributes = { email = "user-1@example.com", email_verified = true, "custom:level" = "7" }
groups = ["staff"]

[[pool.user]]
username = "user-2"
temporary_password = "Temp-passw0rd"
enabled = false
"""


@pytest.fixture
def sow(local, tmp_path):
    """Seed a text into the local backend."""

    def apply(text: str, backend=local) -> seed.Report:
        (tmp_path / "seed.toml").write_text(text)
        return seed.apply(backend, tmp_path / "seed.toml")

    return apply


def everything(backend: LocalBackend) -> dict[str, list]:
    """Every row of every table."""
    with backend.engine.connect() as connection:
        return {name: sorted(map(repr, connection.execute(select(table))))
                for name, table in Base.metadata.tables.items()}


def sign_in(held, username: str, password: str) -> dict:
    return held.call("InitiateAuth", {"ClientId": CLIENT, "AuthFlow": "USER_PASSWORD_AUTH",
                                      "AuthParameters": {"USERNAME": username, "PASSWORD": password}})


def described(held) -> dict:
    return held.call("DescribeUserPool", {"UserPoolId": POOL})["UserPool"]


def client_of(held, client_id: str = CLIENT) -> dict:
    return held.call("DescribeUserPoolClient", {"UserPoolId": POOL, "ClientId": client_id})["UserPoolClient"]


def user_of(held, username: str) -> dict:
    return held.call("AdminGetUser", {"UserPoolId": POOL, "Username": username})


def test_a_seed_makes_what_it_describes(sow, held, local):
    report = sow(FULL)
    assert report.created == [
        f"user pool {POOL}", "domain seeded", "resource server api", f"app client {CLIENT}",
        "app client seededmachine0000000000001", "group staff", "user user-1", "user user-2"]
    pool = described(held)
    assert (pool["Name"], pool["Domain"], pool["MfaConfiguration"]) == ("Seeded", "seeded", "OPTIONAL")
    assert client_of(held)["CallbackURLs"] == [f"{local.settings.demo_url}/callback",
                                               f"{local.settings.public_url}/back"]
    machine = client_of(held, "seededmachine0000000000001")
    assert machine["ClientSecret"] == "nosecretatallbutpinnedhere1"
    assert machine["AllowedOAuthScopes"] == ["api/read"]
    first = user_of(held, "user-1@example.com")
    assert first["UserStatus"] == "CONFIRMED" and first["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"
    assert {"Name": "sub", "Value": "11111111-2222-4333-8444-555555555555"} in first["UserAttributes"]
    assert {"Name": "custom:level", "Value": "7"} in first["UserAttributes"]
    members = held.call("ListUsersInGroup", {"UserPoolId": POOL, "GroupName": "staff"})["Users"]
    assert [user["Username"] for user in members] == ["user-1"]
    second = user_of(held, "user-2")
    assert second["UserStatus"] == "FORCE_CHANGE_PASSWORD" and not second["Enabled"]


def test_a_seeded_user_signs_in_with_his_password_and_authenticator(sow, held, clock):
    sow(FULL)
    challenge = sign_in(held, "user-1", "Right-passw0rd")
    assert challenge["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    code = pyotp.TOTP("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").at(clock.now)
    answer = held.call("RespondToAuthChallenge", {
        "ClientId": CLIENT, "ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": challenge["Session"],
        "ChallengeResponses": {"USERNAME": "user-1", "SOFTWARE_TOKEN_MFA_CODE": code}})
    assert answer["AuthenticationResult"]["AccessToken"]


@pytest.mark.parametrize("text", [FULL, DEMO.read_text()], ids=["full", "demo"])
def test_a_second_run_changes_nothing_at_all(sow, local, clock, text):
    made = sow(text)
    before = everything(local)
    clock.advance(days=1)
    again = sow(text)
    assert (again.created, again.updated, again.unchanged) == ([], [], made.created)
    assert everything(local) == before


def test_a_seed_runs_on_postgresql(sow, postgres, clock, tmp_path):
    backend = LocalBackend(make_settings(tmp_path, database_url=postgres.create_database()), clock)
    try:
        made = sow(FULL, backend)
        before = everything(backend)
        assert sow(FULL, backend).unchanged == made.created
        assert everything(backend) == before
    finally:
        backend.close()


def test_what_is_there_is_brought_in_line(sow, held, clock):
    sow(FULL)
    clock.advance(hours=1)
    report = sow(FULL.replace('name = "Seeded"', 'name = "Renamed"').replace('name = "web"', 'name = "page"')
                 .replace("precedence = 3", "precedence = 4").replace('"user-1@', '"user-one@')
                 .replace('ScopeDescription = "Read"', 'ScopeDescription = "Look"')
                 .replace("nosecretatallbutpinnedhere1", "nosecretatallbutpinnedhere2")
                 .replace('{ Name = "level"', '{ Name = "team", AttributeDataType = "String" }, '
                                              '{ Name = "level"'))
    assert report.created == [] and report.updated == [
        f"user pool {POOL}", "resource server api", f"app client {CLIENT}",
        "app client seededmachine0000000000001", "group staff", "user user-1"]
    pool = described(held)
    assert pool["Name"] == "Renamed" and pool["MfaConfiguration"] == "OPTIONAL"
    assert pool["LastModifiedDate"] == clock.now
    assert pool["SchemaAttributes"][-1]["Name"] == "custom:team"
    assert client_of(held)["ClientName"] == "page"
    assert client_of(held, "seededmachine0000000000001")["ClientSecret"] == "nosecretatallbutpinnedhere2"
    assert held.call("GetGroup", {"UserPoolId": POOL, "GroupName": "staff"})["Group"]["Precedence"] == 4
    assert user_of(held, "user-one@example.com")["Username"] == "user-1"


def test_a_changed_password_in_the_file_is_set_and_a_right_one_is_left(sow, held, local):
    sow(FULL)

    def hashes():
        return [row for row in everything(local)["users"]]

    before = hashes()
    sow(FULL)
    assert hashes() == before
    assert sow(FULL.replace("Right-passw0rd", "Other-passw0rd")).updated == ["user user-1"]
    assert sign_in(held, "user-1", "Other-passw0rd")["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_a_user_who_chose_his_own_password_keeps_it(sow, held):
    text = FULL.replace("enabled = false", "")
    sow(text)
    held.call("AdminSetUserPassword", {"UserPoolId": POOL, "Username": "user-2",
                                       "Password": "Chosen-passw0rd",
                                       "Permanent": True})
    assert sow(text).updated == []
    assert "AuthenticationResult" in sign_in(held, "user-2", "Chosen-passw0rd")


def test_nothing_is_deleted(sow, held):
    sow(FULL)
    held.call("CreateUserPoolClient", {"UserPoolId": POOL, "ClientName": "by hand"})
    held.call("CreateGroup", {"UserPoolId": POOL, "GroupName": "by-hand"})
    held.call("AdminAddUserToGroup", {"UserPoolId": POOL, "Username": "user-1", "GroupName": "by-hand"})
    held.call("SetUserPoolMfaConfig", {"UserPoolId": POOL, "MfaConfiguration": "ON",
                                       "SoftwareTokenMfaConfiguration": {"Enabled": True}})
    assert sow(f'[[pool]]\nid = "{POOL}"\nname = "Seeded"\nsettings.AliasAttributes = '
               '["email"]\n').created == []
    assert len(held.call("ListUserPoolClients", {"UserPoolId": POOL})["UserPoolClients"]) == 3
    groups = held.call("AdminListGroupsForUser", {"UserPoolId": POOL, "Username": "user-1"})["Groups"]
    assert [group["GroupName"] for group in groups] == ["by-hand", "staff"]
    assert described(held)["MfaConfiguration"] == "ON"


def test_a_user_is_switched_off_and_on(sow, held):
    sow(FULL)
    assert sow(FULL.replace("enabled = false", "enabled = true")).updated == ["user user-2"]
    assert user_of(held, "user-2")["Enabled"]


@pytest.mark.parametrize("text, message", [
    ("[[pool]", "seed.toml: Expected ']]' at the end of an array declaration (at line 1"),
    ("", "seed.toml: pool is missing"),
    ("[pool]", "seed.toml: pool: must be written [[pool]]"),
    ('[[pool]]\nname = "a"', "seed.toml: pool[1]: id is missing"),
])
def test_a_file_of_another_form_is_refused(sow, text, message):
    with pytest.raises(seed.SeedError) as mistake:
        sow(text)
    assert str(mistake.value).startswith(message)


MISTAKES = {
    "an unknown key": ("domain =", "domian =", "pool[1].domian: unknown; known here are id, name, domain"),
    "an id of the wrong form": (
        f'id = "{POOL}"', 'id = "seeded"', "pool[1].id: Value 'seeded' at 'userPoolId' failed to satisfy "
        r"constraint: Member must satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+"),
    "an unknown member": (
        "CallbackURLs", "CallbackUrls",
        "pool[1].client[1].settings.CallbackUrls: CreateUserPoolClient has no such member"),
    "an unknown member further down": (
        "Enabled =", "On =",
        "pool[1].mfa.SoftwareTokenMfaConfiguration.On: SoftwareTokenMfaConfigType has no such member"),
    "a member with its own key": (
        "AllowedOAuthFlows =", 'ClientSecret = "x"\nAllowedOAuthFlows =',
        "pool[1].client[2].settings.ClientSecret: has a key of its own, beside this table"),
    "a wrong type": (
        "PoolClient = true", 'PoolClient = "yes"',
        "pool[1].client[2].settings.AllowedOAuthFlowsUserPoolClient: must be true or false"),
    "a wrong type in a list": (
        '["api/read"]', "[1]", "pool[1].client[2].settings.AllowedOAuthScopes[1]: must be a text"),
    "a broken limit": (
        '"ALLOW_USER_PASSWORD_AUTH"', '"PASSWORD"',
        "pool[1].client[1].settings.ExplicitAuthFlows: Value 'PASSWORD' at 'explicitAuthFlows.1.member' "
        "failed to satisfy constraint: Member must satisfy enum value set"),
    "a broken rule": (
        '"client_credentials"', '"client_credentials", "code"',
        "pool[1].client[2].settings: CallbackUrls can not be empty"),
    "an unknown scope": (
        '"api/read"', '"api/write"', "pool[1].client[2].settings: Invalid scope requested: api/write"),
    "an mfa that cannot be": (
        "Enabled = true", "Enabled = false", "pool[1].mfa: Invalid MFA configuration given"),
    "an unknown group": (
        'groups = ["staff"]', 'groups = ["staff", "boss"]',
        "pool[1].user[1].groups: there is no group boss in this pool"),
    "a weak password": (
        "Right-passw0rd", "weak",
        "pool[1].user[1].password: Password did not conform with password policy: Password not long enough"),
    "no password": ("temporary_password", "# ", "pool[1].user[2].password: is missing"),
    "two passwords": (
        "enabled =", 'password = "Right-passw0rd"\nenabled =',
        "pool[1].user[2].temporary_password: there is a password already"),
    "an unknown attribute": (
        '"custom:level"', '"custom:rank"',
        "pool[1].user[1].attributes: Attributes did not conform to the schema: custom:rank: Attribute does "
        "not exist in the schema."),
    "an address for a username": (
        'username = "user-2"', 'username = "two@example.com"',
        "pool[1].user[2].username: Username cannot be of email format"),
    "a username twice": (
        '"user-2"', '"user-1"', "pool[1].user[2].username: is the same as of pool[1].user[1]"),
    "an alias twice": (
        "enabled =", 'attributes = { email = "user-1@example.com", email_verified = true }\nenabled =',
        "pool[1].user[2].username: is the same as of pool[1].user[1]"),
    "a client id twice": (
        "seededmachine0000000000001", CLIENT, "pool[1].client[2].id: is the same as of pool[1].client[1]"),
    "a secret that is no base32": (
        "JBSWY3DPEHPK3PXP", "1111", "pool[1].user[1].totp_secret: must be a base32 secret"),
    "an authenticator the pool does not know": (
        '"OPTIONAL"\nSoftwareTokenMfaConfiguration = { Enabled = true }', '"OFF"',
        "pool[1].user[1].totp_secret: the pool's MFA has no software token"),
    "an unknown filling": (
        "${demo_url}", "${url}",
        "pool[1].client[1].settings.CallbackURLs[1]: ${url} is unknown; there are ${public_url} and "
        "${demo_url}"),
    "a reserved prefix": (
        'domain = "seeded"', 'domain = "cognito"',
        "pool[1].domain: Domain cannot contain reserved word: cognito"),
}


@pytest.mark.parametrize("old, new, message", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_reported_with_its_place_and_nothing_is_half_done(sow, local, old, new, message):
    assert old in FULL
    before = everything(local)
    with pytest.raises(seed.SeedError) as mistake:
        sow(FULL.replace(old, new))
    assert str(mistake.value).startswith(f"seed.toml: {message}")
    assert everything(local) == before


@pytest.mark.parametrize("old, new, message", [
    ('AliasAttributes = ["email"]', "", "pool[1].settings.AliasAttributes: cannot be changed"),
    ('Name = "level", AttributeDataType = "Number"', 'Name = "level", AttributeDataType = "String"',
     "pool[1].settings.Schema: the attribute custom:level cannot be changed"),
    ("11111111-", "11111112-", "pool[1].user[1].sub: cannot be changed"),
    ('domain = "seeded"', 'domain = "other"', "pool[1].domain: User pool already has a domain "
                                              "configured."),
])
def test_what_is_fixed_for_good_is_not_changed(sow, local, old, new, message):
    sow(FULL)
    before = everything(local)
    with pytest.raises(seed.SeedError) as mistake:
        sow(FULL.replace(old, new))
    assert str(mistake.value).startswith(f"seed.toml: {message}")
    assert everything(local) == before


def test_a_client_of_another_pool_is_not_taken_over(sow, local):
    sow(FULL)
    other = FULL.replace(POOL, "us-east-1_Seeded002").replace('domain = "seeded"', "")
    with pytest.raises(seed.SeedError) as mistake:
        sow(other)
    assert str(mistake.value) == "seed.toml: pool[1].client[1].id: belongs to another user pool"


def test_a_missing_file_is_one_clear_line(local, tmp_path):
    with pytest.raises(seed.SeedError) as mistake:
        seed.apply(local, tmp_path / "none.toml")
    assert str(mistake.value).startswith("none.toml: [Errno 2] No such file")


def test_two_seeds_at_once_make_everything_once(local, tmp_path):
    path = tmp_path / "seed.toml"
    path.write_text(FULL)
    reports, barrier = [], threading.Barrier(2)

    def run():
        barrier.wait()
        reports.append(seed.apply(local, path))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = sorted(reports, key=lambda report: len(report.created))
    assert first.created == [] and len(second.created) == 8
    assert local.call("DescribeUserPool", {"UserPoolId": POOL},
                      OPERATOR)["UserPool"]["EstimatedNumberOfUsers"] == 2
