"""Run the same scenarios on two backends and show, step by step, where their answers agree and where they differ.

A backend is `local` (our own pools, in a fresh temporary folder), an address such as
http://localhost:8400 (any service that speaks the API), `cognito` (Amazon's, by the usual
credentials) or `moto` (an independent implementation, for comparison). Each scenario makes a
user pool of its own and deletes it at the end. Ids, times, secrets and tokens are made
comparable: a token is compared by its claims. Exit code: 0 all agree, 1 they differ,
2 could not run.
"""

import bootstrap  # first: it is what refuses an old Python

import argparse
import base64
import contextlib
import hashlib
import hmac
import json
import re
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

EXAMPLES = """examples:
  python3 scripts/compare_backends.py local http://localhost:8400
  python3 scripts/compare_backends.py local moto --scenario groups --scenario errors
  AWS_PROFILE=dev python3 scripts/compare_backends.py local cognito --json > differences.json
"""
PASSWORD, NEW_PASSWORD = "First-Passw0rd!", "Second-Passw0rd!"
EMAIL = "compared@example.com"


# --- two backends ---------------------------------------------------------------------------------------------------

@dataclass
class Side:
    """One of the two: its name, its backend, and how to read the messages it sends (None: nobody can)."""

    name: str
    backend: object
    inbox: object = None


@contextlib.contextmanager
def open_side(name: str):
    """Start or reach a backend by its name on the command line."""
    from authservice.cognito.backend import CognitoBackend
    from authservice.config import Settings, load
    if name == "local":
        from authservice.local.backend import LocalBackend
        from authservice.local.messaging import outbox
        with tempfile.TemporaryDirectory() as folder:
            backend = LocalBackend(Settings(instance=Path(folder)))
            yield Side(name, backend, lambda to: outbox.recent(backend, to))
            backend.close()
    elif name == "cognito":
        backend = CognitoBackend(load(backend="cognito"))
        if not backend.has_credentials:
            raise CannotRun("no AWS credentials found; set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        yield Side(name, backend)
    elif name == "moto":
        from moto.server import ThreadedMotoServer
        server = ThreadedMotoServer(port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield Side(name, _at(CognitoBackend, Settings, f"http://{host}:{port}"))
        server.stop()
    elif re.match(r"https?://", name):
        yield Side(name, _at(CognitoBackend, Settings, name), lambda to: _read_outbox(name, to))
    else:
        raise CannotRun(f"{name}: not a backend; write local, cognito, moto or http://HOST:PORT")


def _at(backend, settings, url: str):
    return backend(settings(instance=Path("."), backend="cognito", cognito_endpoint_url=url), ("compare", "compare"))


def _read_outbox(url: str, to: str) -> list[dict]:
    with urllib.request.urlopen(f"{url}/outbox.json?to={urllib.parse.quote(to)}", timeout=10) as answer:
        return json.load(answer)


class CannotRun(Exception):
    """The comparison cannot be made; the message says why."""


class Stopped(Exception):
    """A scenario cannot go on here, because an answer lacks what the next step needs."""


# --- one run of one scenario ----------------------------------------------------------------------------------------

@dataclass
class Step:
    """One call and what came of it."""

    operation: str
    outcome: dict


@dataclass
class Run:
    """A scenario on one side: makes calls, writes down their outcomes."""

    side: Side
    steps: list[Step] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """Values of this run that have another value elsewhere, by what stands for them."""

    def call(self, operation: str, /, **members) -> dict:
        """Call an operation; a refusal is written down too, and answers {}."""
        from authservice.contract import ANONYMOUS, OPERATOR, service
        from authservice.errors import CognitoError
        caller = ANONYMOUS if service().is_public(operation) else OPERATOR
        try:
            answer = self.side.backend.call(operation, members, caller)
        except CognitoError as refusal:
            refused = {"status": refusal.status, "code": refusal.code, "message": refusal.message}
            self.steps.append(Step(operation, refused))
            return {}
        self.steps.append(Step(operation, {"status": 200, **answer}))
        return answer

    def pool(self, **settings) -> str:
        pool_id = need(self.call("CreateUserPool", PoolName="authservice-compare", **settings), "UserPool", "Id")
        self.names[pool_id] = "<pool>"
        return pool_id

    def client(self, pool_id: str, *flows: str, **settings) -> tuple[str, str | None]:
        made = self.call("CreateUserPoolClient", UserPoolId=pool_id, ClientName="compare",
                         ExplicitAuthFlows=[f"ALLOW_{flow}" for flow in flows], **settings)
        client_id = need(made, "UserPoolClient", "ClientId")
        self.names[client_id] = f"<client {len(self.names)}>"
        return client_id, made["UserPoolClient"].get("ClientSecret")

    def user(self, pool_id: str, name: str = "somebody", **members) -> None:
        """A confirmed user with a verified address and PASSWORD."""
        self.call("AdminCreateUser", UserPoolId=pool_id, Username=name, MessageAction="SUPPRESS", UserAttributes=[
            {"Name": "email", "Value": EMAIL}, {"Name": "email_verified", "Value": "true"}], **members)
        self.call("AdminSetUserPassword", UserPoolId=pool_id, Username=name, Password=PASSWORD, Permanent=True)

    def sign_in(self, client_id: str, name: str = "somebody", password: str = PASSWORD) -> dict:
        return self.call("InitiateAuth", ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH",
                         AuthParameters={"USERNAME": name, "PASSWORD": password})

    def code(self) -> str:
        """The newest code sent; a backend whose messages nobody can read ends the scenario here."""
        if self.side.inbox is None:
            raise Stopped("its messages cannot be read")
        return need({"messages": self.side.inbox(EMAIL)}, "messages", 0, "code")


def need(answer, *path):
    for name in path:
        try:
            answer = answer[name]
        except (LookupError, TypeError):
            raise Stopped(f"the answer has no {'.'.join(map(str, path))}") from None
    return answer


# --- what is comparable ---------------------------------------------------------------------------------------------

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
SECRETS = {"ClientSecret", "SecretCode", "Session", "RefreshToken", "SALT", "SRP_B", "SECRET_BLOCK", "NextToken",
           "PaginationToken", "CloudFrontDistribution", "S3Bucket", "Version"}
MOMENTS = {"auth_time", "exp", "iat"}


def comparable(value, names: dict[str, str], path: str = "", key: str = "") -> dict[str, object]:
    """Flatten an answer to {path: value} with everything that differs from run to run replaced by what it is.

    Lists of {Name: …} and plain lists are taken in order of their content: the API promises none.
    """
    if isinstance(value, dict):
        flat = {}
        for name, item in sorted(value.items()):
            flat |= comparable(item, names, f"{path}.{name}" if path else name, name)
        return flat
    if isinstance(value, list):
        items = sorted(value, key=lambda item: json.dumps(item, default=str, sort_keys=True))
        flat = {path: "[]"} if not items else {}
        for number, item in enumerate(items):
            label = item["Name"] if isinstance(item, dict) and "Name" in item else number
            flat |= comparable(item, names, f"{path}[{label}]", key)
        return flat
    if isinstance(value, str) and TOKEN.fullmatch(value):
        return comparable(claims_of(value), names, f"{path}:claims")
    return {path: plain(value, names, key)}


def claims_of(token: str) -> dict:
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    claims["lifetime"] = claims.get("exp", 0) - claims.get("iat", 0)
    return {name: f"<{name}>" if name in MOMENTS or name == "iss" else value for name, value in claims.items()}


def plain(value, names: dict[str, str], key: str):
    if key in SECRETS:
        return f"<{key}>"
    if isinstance(value, datetime):
        return "<time>"
    if isinstance(value, str):
        for name, stands_for in names.items():
            value = value.replace(name, stands_for)
        value = re.sub(r"arn:aws:cognito-idp:[^:]*:\d+", "arn:aws:cognito-idp:<region>:<account>", value)
        return UUID.sub("<uuid>", value)
    return value


# --- scenarios ------------------------------------------------------------------------------------------------------

def sign_up(run: Run) -> None:
    """A user registers by email, proves the address, signs in, reads the profile, is deleted."""
    pool = run.pool(UsernameAttributes=["email"], AutoVerifiedAttributes=["email"])
    client, _ = run.client(pool, "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH")
    run.call("SignUp", ClientId=client, Username=EMAIL, Password="short")
    run.call("SignUp", ClientId=client, Username="nobody", Password=PASSWORD)
    run.call("SignUp", ClientId=client, Username=EMAIL, Password=PASSWORD)
    run.call("SignUp", ClientId=client, Username=EMAIL, Password=PASSWORD)
    run.sign_in(client, EMAIL)
    run.call("ConfirmSignUp", ClientId=client, Username=EMAIL, ConfirmationCode="000000")
    run.call("ConfirmSignUp", ClientId=client, Username=EMAIL, ConfirmationCode=run.code())
    run.call("ResendConfirmationCode", ClientId=client, Username=EMAIL)
    tokens = run.sign_in(client, EMAIL)
    access = need(tokens, "AuthenticationResult", "AccessToken")
    run.call("GetUser", AccessToken=access)
    run.call("DeleteUser", AccessToken=access)
    run.call("GetUser", AccessToken=access)


def srp_sign_in(run: Run) -> None:
    """The password is proven by SRP, with and without a client secret; a wrong one is refused."""
    pool = run.pool()
    run.user(pool)
    for generate in (False, True):
        client, secret = run.client(pool, "USER_SRP_AUTH", "REFRESH_TOKEN_AUTH", GenerateSecret=generate)
        for password in (PASSWORD, NEW_PASSWORD):
            _prove(run, pool, client, secret, password)


def _prove(run: Run, pool: str, client: str, secret: str | None, password: str) -> None:
    try:
        from pycognito.aws_srp import AWSSRP
    except ImportError:
        raise CannotRun("the scenario srp-sign-in needs pycognito: pip install '.[test]'") from None
    srp = AWSSRP(username="somebody", password=password, pool_id=pool, client_id=client, client_secret=secret,
                 client=object())
    asked = run.call("InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters=srp.get_auth_params())
    responses = srp.process_challenge(need(asked, "ChallengeParameters"), srp.get_auth_params())
    run.call("RespondToAuthChallenge", ClientId=client, ChallengeName="PASSWORD_VERIFIER", ChallengeResponses=responses)


def totp(run: Run) -> None:
    """An authenticator app is set up; right, wrong and replayed codes."""
    import pyotp
    pool = run.pool()
    run.call("SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="OPTIONAL",
             SoftwareTokenMfaConfiguration={"Enabled": True})
    client, _ = run.client(pool, "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH")
    run.user(pool)
    access = need(run.sign_in(client), "AuthenticationResult", "AccessToken")
    app = pyotp.TOTP(need(run.call("AssociateSoftwareToken", AccessToken=access), "SecretCode"))
    wrong = f"{(int(app.now()) + 1) % 10**6:06d}"
    run.call("VerifySoftwareToken", AccessToken=access, UserCode=wrong)
    run.call("VerifySoftwareToken", AccessToken=access, UserCode=app.at(time.time() - 30), FriendlyDeviceName="phone")
    run.call("SetUserMFAPreference", AccessToken=access,
             SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})
    run.call("GetUser", AccessToken=access)
    session = need(run.sign_in(client), "Session")
    right = app.now()
    for code in (wrong, right, right):
        run.call("RespondToAuthChallenge", ClientId=client, ChallengeName="SOFTWARE_TOKEN_MFA", Session=session,
                 ChallengeResponses={"USERNAME": "somebody", "SOFTWARE_TOKEN_MFA_CODE": code})
    session = need(run.sign_in(client), "Session")
    run.call("RespondToAuthChallenge", ClientId=client, ChallengeName="SOFTWARE_TOKEN_MFA", Session=session,
             ChallengeResponses={"USERNAME": "somebody", "SOFTWARE_TOKEN_MFA_CODE": right})


def recovery(run: Run) -> None:
    """A forgotten password is replaced by a mailed code; one reset by an administrator must be."""
    pool = run.pool(AutoVerifiedAttributes=["email"])
    client, _ = run.client(pool, "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH")
    run.user(pool)
    run.call("ForgotPassword", ClientId=client, Username="somebody")
    run.call("ForgotPassword", ClientId=client, Username="nobody")
    run.call("ConfirmForgotPassword", ClientId=client, Username="somebody", ConfirmationCode="000000", Password=NEW_PASSWORD)
    run.call("AdminResetUserPassword", UserPoolId=pool, Username="somebody")
    run.sign_in(client)
    code = run.code()
    run.call("ConfirmForgotPassword", ClientId=client, Username="somebody", ConfirmationCode=code, Password="weak")
    run.call("ConfirmForgotPassword", ClientId=client, Username="somebody", ConfirmationCode=code, Password=NEW_PASSWORD)
    run.call("ConfirmForgotPassword", ClientId=client, Username="somebody", ConfirmationCode=code, Password=PASSWORD)
    run.sign_in(client)
    run.sign_in(client, password=NEW_PASSWORD)


def groups(run: Run) -> None:
    """Groups are made, filled, listed, told in tokens, emptied."""
    pool = run.pool()
    client, _ = run.client(pool, "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH")
    run.user(pool)
    run.call("CreateGroup", UserPoolId=pool, GroupName="readers", Precedence=2, Description="may read")
    run.call("CreateGroup", UserPoolId=pool, GroupName="writers", Precedence=1,
             RoleArn="arn:aws:iam::000000000000:role/writers")
    run.call("CreateGroup", UserPoolId=pool, GroupName="readers")
    for group in ("readers", "writers", "readers", "strangers"):
        run.call("AdminAddUserToGroup", UserPoolId=pool, Username="somebody", GroupName=group)
    run.call("ListGroups", UserPoolId=pool)
    run.call("AdminListGroupsForUser", UserPoolId=pool, Username="somebody")
    run.call("ListUsersInGroup", UserPoolId=pool, GroupName="readers")
    run.sign_in(client)
    run.call("UpdateGroup", UserPoolId=pool, GroupName="readers", Description="may only read")
    run.call("AdminRemoveUserFromGroup", UserPoolId=pool, Username="somebody", GroupName="readers")
    run.call("DeleteGroup", UserPoolId=pool, GroupName="writers")
    run.call("GetGroup", UserPoolId=pool, GroupName="writers")
    run.call("AdminListGroupsForUser", UserPoolId=pool, Username="somebody")


def refresh_and_revocation(run: Run) -> None:
    """Tokens are refreshed, rotated, revoked, and ended everywhere at once."""
    pool = run.pool()
    client, secret = run.client(pool, "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH")
    run.user(pool)
    for end in ("RevokeToken", "GlobalSignOut"):
        tokens = need(run.sign_in(client), "AuthenticationResult")
        refresh = {"ClientId": client, "AuthFlow": "REFRESH_TOKEN_AUTH",
                   "AuthParameters": {"REFRESH_TOKEN": need(tokens, "RefreshToken")}}
        run.call("InitiateAuth", **refresh)
        bearer = {"Token": tokens["RefreshToken"], "ClientId": client} if end == "RevokeToken" else {
            "AccessToken": tokens["AccessToken"]}
        run.call(end, **bearer)
        run.call("InitiateAuth", **refresh)
        run.call("GetUser", AccessToken=tokens["AccessToken"])
    client, secret = run.client(pool, "USER_PASSWORD_AUTH", GenerateSecret=True, RefreshTokenRotation={
        "Feature": "ENABLED", "RetryGracePeriodSeconds": 0})
    proof = base64.b64encode(hmac.digest(secret.encode(), f"somebody{client}".encode(), hashlib.sha256)).decode()
    tokens = need(run.call("InitiateAuth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={
        "USERNAME": "somebody", "PASSWORD": PASSWORD, "SECRET_HASH": proof}), "AuthenticationResult")
    for _ in range(2):
        run.call("GetTokensFromRefreshToken", RefreshToken=tokens["RefreshToken"], ClientId=client, ClientSecret=secret)


def errors(run: Run) -> None:
    """What is refused, and in which words."""
    pool = run.pool()
    client, _ = run.client(pool, "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH")
    hiding, _ = run.client(pool, "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH", PreventUserExistenceErrors="ENABLED")
    run.user(pool)
    for each in (client, hiding):
        run.sign_in(each, "nobody")
        run.sign_in(each, password=NEW_PASSWORD)
    run.call("InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": "somebody", "SRP_A": "2"})
    run.call("InitiateAuth", ClientId=client, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters={})
    run.call("InitiateAuth", ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": "none"})
    run.call("InitiateAuth", ClientId="x" * 26, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={})
    run.call("GetUser", AccessToken="none")
    run.call("AdminGetUser", UserPoolId=pool, Username="nobody")
    run.call("AdminGetUser", UserPoolId="no pool", Username="somebody")
    run.call("DescribeUserPool", UserPoolId="us-east-1_000000000")
    run.call("AdminCreateUser", UserPoolId=pool, Username="somebody", MessageAction="SUPPRESS")
    run.call("AdminSetUserPassword", UserPoolId=pool, Username="somebody", Password="weakpassword")
    run.call("AdminUpdateUserAttributes", UserPoolId=pool, Username="somebody",
             UserAttributes=[{"Name": "custom:none", "Value": "x"}])
    run.call("ListUsers", UserPoolId=pool, Filter="nonsense")
    run.call("AdminDisableUser", UserPoolId=pool, Username="somebody")
    run.sign_in(client)


SCENARIOS = {"sign-up": sign_up, "srp-sign-in": srp_sign_in, "totp": totp, "recovery": recovery, "groups": groups,
             "refresh-and-revocation": refresh_and_revocation, "errors": errors}


# --- comparing and telling ------------------------------------------------------------------------------------------

def play(name: str, side: Side) -> tuple[list[Step], str | None]:
    """Run a scenario on one side and clean up; gives its steps, and why it stopped early, if it did."""
    run, reason = Run(side), None
    try:
        SCENARIOS[name](run)
    except CannotRun:
        raise
    except Stopped as stopped:
        reason = str(stopped)
    except Exception as error:  # a library choked on what it was given: that backend's answer is at fault
        reason = f"its answer is of no use to the next step ({error})"
    for made, stands_for in run.names.items():
        if stands_for == "<pool>":
            with contextlib.suppress(Exception):  # what the scenario made; the comparison is over
                from authservice.contract import OPERATOR
                side.backend.call("DeleteUserPool", {"UserPoolId": made}, OPERATOR)
    return [Step(step.operation, comparable(step.outcome, run.names)) for step in run.steps], reason


def compare(name: str, sides: list[Side]) -> dict:
    """One scenario on both sides: {scenario, steps: [{operation, agrees, differences}], stopped}."""
    (left, left_stop), (right, right_stop) = (play(name, side) for side in sides)
    steps = []
    for a, b in zip(left, right):
        differing = [{"what": path, "left": a.outcome.get(path), "right": b.outcome.get(path)}
                     for path in sorted(a.outcome.keys() | b.outcome.keys()) if a.outcome.get(path) != b.outcome.get(path)]
        steps.append({"operation": a.operation, "agrees": not differing, "differences": differing,
                      "outcome": a.outcome.get("code") or "ok"})
    # A side whose messages nobody can read ends early; that is no difference, but it is said.
    unread = "its messages cannot be read"
    return {"scenario": name, "steps": steps, "stopped": {"left": left_stop, "right": right_stop},
            "agrees": all(step["agrees"] for step in steps) and (
                len(left) == len(right) or unread in (left_stop, right_stop))}


def tell(result: dict, sides: list[Side], colour: bool) -> None:
    """Print one scenario: a line a step, and under a step that differs both sides of each difference."""
    green, red, plain_text = ("\033[32m", "\033[31m", "\033[0m") if colour else ("", "", "")
    print(f"\n{result['scenario']}")
    for step in result["steps"]:
        mark = f"{green}={plain_text}" if step["agrees"] else f"{red}≠{plain_text}"
        print(f"  {mark} {step['operation']:32} {step['outcome']}")
        for difference in step["differences"]:
            print(f"      {difference['what']}")
            for side, member in zip(sides, ("left", "right")):
                shown = "(absent)" if difference[member] is None else difference[member]
                print(f"        {side.name:24} {shown}")
    for side, member in zip(sides, ("left", "right")):
        if result["stopped"][member]:
            print(f"  ! {side.name} stopped here: {result['stopped'][member]}")


def main() -> int:
    bootstrap.go_on_in_venv("test")
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", metavar="BACKEND", help="two of: local, cognito, moto, http://HOST:PORT")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="only this one (may be repeated)")
    parser.add_argument("--list", action="store_true", help="list the scenarios")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")
    arguments = parser.parse_args()
    if arguments.list:
        for name, scenario in SCENARIOS.items():
            print(f"{name:24} {scenario.__doc__.strip()}")
        return 0
    if len(arguments.backends) != 2:
        parser.error("name two backends, for example: local http://localhost:8400")
    try:
        return run_all(arguments)
    except (CannotRun, ImportError, OSError) as error:
        print(f"cannot compare: {error}", file=sys.stderr)
        return 2


def run_all(arguments) -> int:
    with contextlib.ExitStack() as stack:
        sides = [stack.enter_context(open_side(name)) for name in arguments.backends]
        results = []
        chosen = arguments.scenario or list(SCENARIOS)
        for number, name in enumerate(chosen, 1):
            if sys.stderr.isatty():
                print(f"\r[{number}/{len(chosen)}] {name:30}", end="", file=sys.stderr, flush=True)
            results.append(compare(name, sides))
            if not arguments.json:
                tell(results[-1], sides, sys.stdout.isatty())
    differing = [result["scenario"] for result in results if not result["agrees"]]
    if arguments.json:
        print(json.dumps({"backends": arguments.backends, "agree": not differing, "scenarios": results}, indent=2,
                         default=str))
    else:
        steps = [step for result in results for step in result["steps"]]
        same = sum(step["agrees"] for step in steps)
        print(f"\n{same} of {len(steps)} steps agree" + (f"; they differ in: {', '.join(differing)}" if differing else ""))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
