"""The scenarios that compare_backends.py plays: each tells one journey through the API, call by call.

Owns what is called and in which order. A scenario sees one backend and knows not which; what its answers are
compared with, and how, is compare_backends.py's. Only what a mailed code opens depends on the other side:
where one of the two shows no messages, both take the way without.
"""

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass, field

PASSWORD, NEW_PASSWORD = "First-Passw0rd!", "Second-Passw0rd!"
EMAIL = "success@simulator.amazonses.com"
"""Amazon's mailbox simulator: a real pool's mail goes nowhere and none of it bounces."""


class CannotRun(Exception):
    """The comparison cannot be made; the message says why."""


class Stopped(Exception):
    """A scenario cannot go on here, because an answer lacks what the next step needs."""


@dataclass
class Step:
    """One call and what came of it; or one that could not be made, and why."""

    operation: str
    outcome: dict
    skipped: str = ""


@dataclass
class Run:
    """A scenario on one side: makes calls, writes down their outcomes.

    `unread` says why no mailed code can be known; `told` is called with what is being done.
    """

    side: object
    unread: str = ""
    told: object = lambda line: None
    steps: list[Step] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """Values of this run that have another value elsewhere, by what stands for them."""

    def call(self, operation: str, /, **members) -> dict:
        """Call an operation; a refusal is written down too, and answers {}."""
        self.told(f"{self.side.name}: {operation}")
        outcome, answer = self.side.call(operation, members)
        self.steps.append(Step(operation, outcome))
        return answer

    def pool(self, **settings) -> str:
        made = self.call("CreateUserPool", PoolName="authservice-compare", **settings)
        pool_id = need(made, "UserPool", "Id")
        self.names[pool_id] = "<pool>"
        return pool_id

    def client(self, pool_id: str, *flows: str, **settings) -> tuple[str, str | None]:
        made = self.call("CreateUserPoolClient", UserPoolId=pool_id, ClientName="compare",
                         ExplicitAuthFlows=[f"ALLOW_{flow}" for flow in flows], **settings)
        client_id = need(made, "UserPoolClient", "ClientId")
        self.names[client_id] = f"<client {len(self.names)}>"
        return client_id, made["UserPoolClient"].get("ClientSecret")

    def user(self, pool_id: str, name: str = "somebody", permanent: bool = True) -> None:
        """A user with a verified address and PASSWORD, confirmed unless it is not `permanent`."""
        user = {"UserPoolId": pool_id, "Username": name}
        self.call("AdminCreateUser", **user, MessageAction="SUPPRESS", UserAttributes=[
            {"Name": "email", "Value": EMAIL}, {"Name": "email_verified", "Value": "true"}])
        self.call("AdminSetUserPassword", **user, Password=PASSWORD, Permanent=permanent)

    def sign_in(self, client_id: str, name: str = "somebody", password: str = PASSWORD) -> dict:
        return self.call("InitiateAuth", ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH",
                         AuthParameters={"USERNAME": name, "PASSWORD": password})

    def code(self, operation: str) -> str | None:
        """The newest code sent, for the next step; None, and the step is marked as skipped, where nobody can
        read it on one of the two sides.
        """
        if self.unread:
            self.steps.append(Step(operation, {}, self.unread))
            return None
        return need({"messages": self.side.inbox(EMAIL)}, "messages", 0, "code")


def need(answer, *path):
    for name in path:
        try:
            answer = answer[name]
        except (LookupError, TypeError):
            raise Stopped(f"the answer has no {'.'.join(map(str, path))}") from None
    return answer


def sign_up(run: Run) -> None:
    """A user registers by email, proves the address, signs in, reads the profile, is deleted."""
    pool = run.pool(UsernameAttributes=["email"], AutoVerifiedAttributes=["email"])
    client, _ = run.client(pool, "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH")
    guarded, secret = run.client(pool, "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH", GenerateSecret=True)
    user = {"ClientId": client, "Username": EMAIL}
    run.call("SignUp", **user, Password="short")
    run.call("SignUp", ClientId=client, Username="nobody", Password=PASSWORD)
    run.call("SignUp", ClientId=guarded, Username=EMAIL, Password=PASSWORD)
    run.call("SignUp", ClientId=guarded, Username=EMAIL, Password=PASSWORD, SecretHash="bm8gaGFzaA==")
    run.call("SignUp", **user, Password=PASSWORD)
    run.call("SignUp", **user, Password=PASSWORD)
    run.sign_in(client, EMAIL)
    run.call("ConfirmSignUp", **user, ConfirmationCode="000000")
    run.call("ResendConfirmationCode", **user)
    if code := run.code("ConfirmSignUp"):
        run.call("ConfirmSignUp", **user, ConfirmationCode=code)
        run.call("ConfirmSignUp", **user, ConfirmationCode=code)
    else:
        run.call("AdminConfirmSignUp", UserPoolId=pool, Username=EMAIL)
    run.call("ResendConfirmationCode", **user)
    run.call("AdminGetUser", UserPoolId=pool, Username=EMAIL)
    access = need(run.sign_in(client, EMAIL), "AuthenticationResult", "AccessToken")
    run.call("GetUser", AccessToken=access)
    run.call("DeleteUser", AccessToken=access)
    run.call("GetUser", AccessToken=access)


def srp_sign_in(run: Run) -> None:
    """The password is proven by SRP, with and without a client secret, a temporary one is replaced."""
    pool = run.pool()
    run.user(pool)
    run.user(pool, "newcomer", permanent=False)
    for generate in (False, True):
        client, secret = run.client(pool, "USER_SRP_AUTH", "REFRESH_TOKEN_AUTH", GenerateSecret=generate)
        for password in (PASSWORD, NEW_PASSWORD):
            _prove(run, pool, client, secret, "somebody", password)
    client, _ = run.client(pool, "USER_SRP_AUTH", "REFRESH_TOKEN_AUTH")
    asked = _prove(run, pool, client, None, "newcomer", PASSWORD)
    session = need(asked, "Session")
    _answer(run, client, "NEW_PASSWORD_REQUIRED", session, "newcomer", NEW_PASSWORD=NEW_PASSWORD)
    _prove(run, pool, client, None, "newcomer", NEW_PASSWORD)


def _prove(run: Run, pool: str, client: str, secret: str | None, name: str, password: str) -> dict:
    try:
        from pycognito.aws_srp import AWSSRP
    except ImportError:
        raise CannotRun("the scenario srp-sign-in needs pycognito: pip install '.[test]'") from None
    srp = AWSSRP(username=name, password=password, pool_id=pool, client_id=client, client_secret=secret,
                 client=object())
    parameters = srp.get_auth_params()
    asked = run.call("InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters=parameters)
    responses = srp.process_challenge(need(asked, "ChallengeParameters"), parameters)
    return run.call("RespondToAuthChallenge", ClientId=client, ChallengeName="PASSWORD_VERIFIER",
                    ChallengeResponses=responses)


class App:
    """An authenticator app; each step's code is told once, the last one's first, so that none is a replay."""

    def __init__(self, secret: str):
        self.key, self.told = base64.b32decode(secret + "=" * (-len(secret) % 8)), -2

    def next_code(self) -> str:
        """The code of the step before this one, then of this one, then of the one after: all are taken."""
        left = 30 - time.time() % 30
        if left < 5:
            time.sleep(left)  # or the step may end while its code is on the way
        self.told += 1
        return self._code(self.told)

    def wrong_code(self) -> str:
        return f"{(int(self._code(0)) + 1) % 10**6:06d}"

    def _code(self, steps: int) -> str:
        """RFC 6238 by hand: libraries refuse secrets as short as some backends give."""
        counter = int(time.time()) // 30 + steps
        digest = hmac.digest(self.key, counter.to_bytes(8, "big"), "sha1")
        number = int.from_bytes(digest[digest[-1] & 15:][:4], "big") & 0x7FFFFFFF
        return f"{number % 10**6:06d}"


def totp(run: Run) -> None:
    """An authenticator app is set up, by choice and by force; right, wrong and replayed codes."""
    pool = run.pool()
    mfa = {"UserPoolId": pool, "SoftwareTokenMfaConfiguration": {"Enabled": True}}
    run.call("SetUserPoolMfaConfig", **mfa, MfaConfiguration="OPTIONAL")
    client, _ = run.client(pool, "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH")
    run.user(pool)
    access = need(run.sign_in(client), "AuthenticationResult", "AccessToken")
    app = App(need(run.call("AssociateSoftwareToken", AccessToken=access), "SecretCode"))
    run.call("VerifySoftwareToken", AccessToken=access, UserCode=app.wrong_code())
    run.call("VerifySoftwareToken", AccessToken=access, UserCode=app.next_code(), FriendlyDeviceName="phone")
    run.call("SetUserMFAPreference", AccessToken=access,
             SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})
    run.call("GetUser", AccessToken=access)
    session, right = need(run.sign_in(client), "Session"), app.next_code()
    for code in (app.wrong_code(), right, right):
        _answer(run, client, "SOFTWARE_TOKEN_MFA", session, SOFTWARE_TOKEN_MFA_CODE=code)
    session = need(run.sign_in(client), "Session")
    _answer(run, client, "SOFTWARE_TOKEN_MFA", session, SOFTWARE_TOKEN_MFA_CODE=right)
    run.call("AdminSetUserMFAPreference", UserPoolId=pool, Username="somebody",
             SoftwareTokenMfaSettings={"Enabled": False})
    run.sign_in(client)

    run.call("SetUserPoolMfaConfig", **mfa, MfaConfiguration="ON")
    run.user(pool, "newcomer")
    session = need(run.sign_in(client, "newcomer"), "Session")
    made = run.call("AssociateSoftwareToken", Session=session)
    app = App(need(made, "SecretCode"))
    verified = run.call("VerifySoftwareToken", Session=need(made, "Session"), UserCode=app.next_code())
    _answer(run, client, "MFA_SETUP", need(verified, "Session"), "newcomer")
    run.sign_in(client, "newcomer")


def _answer(run: Run, client: str, challenge: str, session: str, name: str = "somebody", **responses) -> None:
    run.call("RespondToAuthChallenge", ClientId=client, ChallengeName=challenge, Session=session,
             ChallengeResponses={"USERNAME": name, **responses})


def recovery(run: Run) -> None:
    """A forgotten password is replaced by a mailed code; one reset by an administrator must be."""
    pool = run.pool(AutoVerifiedAttributes=["email"])
    client, _ = run.client(pool, "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH")
    user = {"ClientId": client, "Username": "somebody"}
    run.user(pool)
    run.user(pool, "newcomer", permanent=False)
    run.call("ForgotPassword", **user)
    run.call("ForgotPassword", ClientId=client, Username="nobody")
    run.call("ForgotPassword", ClientId=client, Username="newcomer")
    run.call("ConfirmForgotPassword", **user, ConfirmationCode="000000", Password=NEW_PASSWORD)
    run.call("AdminResetUserPassword", UserPoolId=pool, Username="somebody")
    run.call("AdminGetUser", UserPoolId=pool, Username="somebody")
    run.sign_in(client)
    if code := run.code("ConfirmForgotPassword"):
        for password in ("weak", NEW_PASSWORD, PASSWORD):
            run.call("ConfirmForgotPassword", **user, ConfirmationCode=code, Password=password)
    else:
        run.call("AdminSetUserPassword", UserPoolId=pool, Username="somebody", Password=NEW_PASSWORD,
                 Permanent=True)
    run.sign_in(client)
    access = need(run.sign_in(client, password=NEW_PASSWORD), "AuthenticationResult", "AccessToken")
    for previous, proposed in ((PASSWORD, PASSWORD), (NEW_PASSWORD, "weak"), (NEW_PASSWORD, PASSWORD)):
        run.call("ChangePassword", AccessToken=access, PreviousPassword=previous, ProposedPassword=proposed)
    run.sign_in(client)


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
    digest = hmac.digest(secret.encode(), f"somebody{client}".encode(), hashlib.sha256)
    proof = base64.b64encode(digest).decode()
    tokens = need(run.call("InitiateAuth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={
        "USERNAME": "somebody", "PASSWORD": PASSWORD, "SECRET_HASH": proof}), "AuthenticationResult")
    for _ in range(2):
        run.call("GetTokensFromRefreshToken", RefreshToken=tokens["RefreshToken"], ClientId=client,
                 ClientSecret=secret)


def errors(run: Run) -> None:
    """What is refused, and in which words."""
    pool = run.pool()
    client, _ = run.client(pool, "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH")
    hiding, _ = run.client(pool, "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH",
                           PreventUserExistenceErrors="ENABLED")
    run.user(pool)
    for each in (client, hiding):
        run.sign_in(each, "nobody")
        run.sign_in(each, password=NEW_PASSWORD)
    run.call("InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH",
             AuthParameters={"USERNAME": "somebody", "SRP_A": "2"})
    run.call("InitiateAuth", ClientId=client, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters={})
    run.call("InitiateAuth", ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH",
             AuthParameters={"REFRESH_TOKEN": "none"})
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


SCENARIOS = {"sign-up": sign_up, "srp-sign-in": srp_sign_in, "totp": totp, "recovery": recovery,
             "groups": groups, "refresh-and-revocation": refresh_and_revocation, "errors": errors}
