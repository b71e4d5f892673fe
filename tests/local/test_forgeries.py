"""Forged, damaged and mistaken tokens, each against every operation that takes an access token.

Sources: RFC 7515, RFC 8725 "JWT Best Current Practices", and what other servers fell for.
"""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from authservice.contract import ANONYMOUS, service
from authservice.crypto import jwt
from authservice.errors import CognitoError
from authservice.local.accounts import directory
from authservice.local.call import OPERATIONS
from authservice.local.tokens import keys
from tests.contract.guest import PASSWORD, Authenticator, attribute_list, claims, header

BY_ACCESS_TOKEN = {
    "GetUser": {},
    "UpdateUserAttributes": {"UserAttributes": attribute_list({"name": "Forged"})},
    "DeleteUserAttributes": {"UserAttributeNames": ["name"]},
    "GetUserAttributeVerificationCode": {"AttributeName": "email"},
    "VerifyUserAttribute": {"AttributeName": "email", "Code": "123456"},
    "ChangePassword": {"PreviousPassword": PASSWORD, "ProposedPassword": "F0rged-one!"},
    "DeleteUser": {},
    "GlobalSignOut": {},
    "AssociateSoftwareToken": {},
    "VerifySoftwareToken": {"UserCode": "123456"},
    "SetUserMFAPreference": {"SoftwareTokenMfaSettings": {"Enabled": False}},
}
WORDS = {"Invalid Access Token", "Could not verify signature for Access Token", "Access Token has expired"}


def encoded(part) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(head: dict, body, sign) -> str:
    """A token of any header and body, signed by a function of bytes."""
    message = f"{encoded(head)}.{encoded(body)}"
    return f"{message}.{encoded(sign(message.encode()))}"


class Forge:
    """What a forger has: real tokens, every public key, keys of his own, and another pool's tokens."""

    def __init__(self, store, pool, real: dict, foreign: dict):
        self.real, self.foreign = real, foreign
        self.access = real["AccessToken"]
        self.head, self.body = header(self.access), claims(self.access)
        self.own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.curve = ec.generate_private_key(ec.SECP256R1())
        published = store.run(lambda call: keys.jwks(call, directory.pool(call, pool.id)))
        self.jwk = {jwk["kid"]: jwk for jwk in published}
        (self.public,) = store.run(lambda call: keys.public(call, directory.pool(call, pool.id), "access")).values()
        self.sign_as_pool = lambda use, claims_: store.run(
            lambda call: keys.sign(call, directory.pool(call, pool.id), use, claims_))

    def rsa(self, data: bytes, digest=hashes.SHA256(), how=None) -> bytes:
        return self.own.sign(data, how or padding.PKCS1v15(), digest)

    def hmac(self, key: bytes):
        return lambda data: hmac.digest(key, data, hashlib.sha256)

    def with_header(self, **members) -> str:
        return signed({**self.head, **members}, self.body, self.rsa)

    def with_real_signature(self, head=None, body=None) -> str:
        first, second, third = self.access.split(".")
        return ".".join([encoded(head) if head else first, encoded(body) if body else second, third])

    def pem(self, form) -> bytes:
        return self.public.public_bytes(serialization.Encoding.PEM, form)

    def tokens(self) -> dict[str, str]:
        """{what is wrong: the token}."""
        head, body, access = self.head, self.body, self.access
        own_jwk = jwt.public_jwk(self.own, head["kid"])
        first, second, third = access.split(".")
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        modulus = base64.urlsafe_b64decode(self.jwk[head["kid"]]["n"] + "==")
        elsewhere = {**body, "iss": claims(self.foreign["AccessToken"])["iss"]}
        forged = {
            # no signature, or none that is one
            "alg none": signed({**head, "alg": "none"}, body, lambda data: b""),
            "alg None": signed({**head, "alg": "None"}, body, lambda data: b"") + "AAAA",
            "alg none with the real signature": self.with_real_signature({**head, "alg": "none"}),
            "no alg": signed({"kid": head["kid"]}, body, self.rsa),
            "empty signature": f"{first}.{second}.",
            "no signature": f"{first}.{second}",
            "zero signature": f"{first}.{second}.{encoded(bytes(256))}",
            # the public key taken for a shared secret
            "HS256 by the PEM": signed({**head, "alg": "HS256"}, body, self.hmac(self.pem(spki))),
            "HS256 by PKCS1": signed({**head, "alg": "HS256"}, body, self.hmac(
                self.pem(serialization.PublicFormat.PKCS1))),
            "HS256 by the modulus": signed({**head, "alg": "HS256"}, body, self.hmac(modulus)),
            "HS256 by the kid": signed({**head, "alg": "HS256"}, body, self.hmac(head["kid"].encode())),
            "HS256 by nothing": signed({**head, "alg": "HS256"}, body, self.hmac(b"")),
            # another algorithm, another key
            "RS384": signed({**head, "alg": "RS384"}, body, lambda data: self.rsa(data, hashes.SHA384())),
            "PS256": signed({**head, "alg": "PS256"}, body, lambda data: self.rsa(data, how=padding.PSS(
                padding.MGF1(hashes.SHA256()), 32))),
            "ES256": signed({**head, "alg": "ES256"}, body, lambda data: self.curve.sign(
                data, ec.ECDSA(hashes.SHA256()))),
            "own key under the pool's kid": signed(head, body, self.rsa),
            "own key under a kid of its own": self.with_header(kid=jwt.key_id(self.own)),
            "no kid": signed({"alg": "RS256"}, body, self.rsa),
            "kid of the ID key": self.with_real_signature({**head, "kid": header(self.real["IdToken"])["kid"]}),
            "kid is a path": self.with_header(kid="../../dev/null"),
            "kid is an injection": self.with_header(kid="x' OR '1'='1"),
            "kid is a list": self.with_header(kid=[head["kid"]]),
            # the key brought along
            "jwk": self.with_header(jwk=own_jwk),
            "jku": self.with_header(jku="http://127.0.0.1:9/jwks.json"),
            "x5u": self.with_header(x5u="http://127.0.0.1:9/cert.pem"),
            "x5c": self.with_header(x5c=["MIIB"]),
            # headers to be understood
            "crit": self.with_header(crit=["exp"]),
            "b64": self.with_header(b64=False, crit=["b64"]),
            "zip": self.with_header(zip="DEF"),
            "cty of a nested token": self.with_header(cty="JWT"),
            # a real signature over something else
            "another user": self.with_real_signature(body={**body, "sub": "34c84488-e0e1-70ae-d2ee-991ad1a898c8"}),
            "a longer life": self.with_real_signature(body={**body, "exp": body["exp"] + 3600}),
            "more scope": self.with_real_signature(body={**body, "scope": "admin"}),
            "signature of the ID token": f"{first}.{second}.{self.real['IdToken'].split('.')[2]}",
            "the other pool's token for this pool": signed(header(self.foreign["AccessToken"]), body, self.rsa),
            "this pool's key for the other pool": self.sign_as_pool("access", elsewhere),
            # bytes changed, cut, added
            "first byte": ("f" if access[0] == "e" else "e") + access[1:],
            "cut": access[:-5],
            "a segment more": access + ".AAAA",
            "padded": access + "==",
            "dots": "..",
            "one word": "token",
            "five parts": self.real["RefreshToken"],
            "very long": f"{first}.{encoded(json.dumps(body).encode() + b' ' * 15000)}.{third}",
            "deep": f"{first}.{encoded(b'[' * 9000)}.{third}",
            # issuers for the database to stumble over
            **{f"issuer {issuer!r}": signed(head, {**body, "iss": issuer}, self.rsa) for issuer in (
                None, 1, ["x"], {}, "", "/", "x", "http://localhost/\0", "http://localhost/\ud800",
                f"http://localhost/{'x' * 4000}", body["iss"] + "/..", body["iss"] + "\0", body["iss"] + "\n")},
            "no issuer": signed(head, {k: v for k, v in body.items() if k != "iss"}, self.rsa),
            "a payload that is no object": signed(head, [body], self.rsa),
            "a payload that is no JSON": signed(head, b"\xff\xfe{", self.rsa),
            # signed by the pool itself, but not as an access token
            "an ID token": self.real["IdToken"],
            "ID claims signed by the access key": self.sign_as_pool("access", claims(self.real["IdToken"])),
            "access claims signed by the ID key": self.sign_as_pool("id", body),
            "no token_use": self.sign_as_pool("access", {k: v for k, v in body.items() if k != "token_use"}),
            "an exp that is text": self.sign_as_pool("access", {**body, "exp": str(body["exp"])}),
            "no exp": self.sign_as_pool("access", {k: v for k, v in body.items() if k != "exp"}),
            "another issuer of this pool": self.sign_as_pool("access", {**body, "iss": "https://evil.example/" + (
                body["iss"].rpartition("/")[2])}),
            "expired": self.sign_as_pool("access", {**body, "exp": body["iat"]}),
        }
        middle = len(first) + 1
        for place in (*range(2, len(first), 17), *range(middle + 2, middle + len(second), 61),
                      *range(len(access) - len(third) + 2, len(access) - 4, 67)):
            if access[place] != ".":
                other = "A" if access[place] != "A" else "B"
                forged[f"byte {place} changed"] = access[:place] + other + access[place + 1:]
        return forged


@pytest.fixture
def forge(make_pool, backend) -> Forge:
    pool, elsewhere = make_pool(mfa="OPTIONAL"), make_pool()
    for each in (pool, elsewhere):
        each.user(email="user-1@example.com", name="User One")
    return Forge(backend.store, pool, pool.client().tokens(), elsewhere.client().tokens())


def answers(backend, operation: str, token: str) -> str:
    """'Code: message' of a refusal; an operation that lets the token pass fails the test."""
    try:
        backend.call(operation, {**BY_ACCESS_TOKEN[operation], "AccessToken": token}, ANONYMOUS)
    except CognitoError as refusal:
        return str(refusal)
    pytest.fail(f"{operation} took {token[:80]}…")


def test_the_list_of_operations_is_complete():
    takes_one = {name for name in OPERATIONS
                 if "AccessToken" in getattr(service().operation(name).input_shape, "members", {})}
    assert takes_one == set(BY_ACCESS_TOKEN)


def test_no_operation_takes_a_forged_token(forge, backend):
    forged = forge.tokens()
    assert len(forged) > 70
    for what, token in forged.items():
        for operation in BY_ACCESS_TOKEN:
            code, _, message = answers(backend, operation, token).partition(": ")
            # What is not even of the model's form is refused before anybody looks for a token in it.
            assert (code == "NotAuthorizedException" and message in WORDS) or (
                code == "InvalidParameterException" and "at 'accessToken'" in message), (what, operation, message)
    user = backend.call("GetUser", {"AccessToken": forge.access})
    assert {"Name": "name", "Value": "User One"} in user["UserAttributes"]


def test_a_refusal_has_cognitos_words(forge, backend):
    said = {what: answers(backend, "GetUser", token) for what, token in forge.tokens().items()}
    for message, forgeries in {
            "Invalid Access Token": ["one word", "an ID token", "no signature", "jwk", "crit"],
            "Could not verify signature for Access Token": [
                "another user", "own key under the pool's kid", "alg none with the real signature",
                "HS256 by the PEM", "this pool's key for the other pool"],
            "Access Token has expired": ["expired"]}.items():
        for what in forgeries:
            assert said[what] == f"NotAuthorizedException: {message}", what


def test_a_token_without_the_scope_for_it_changes_nothing(forge, backend):
    token = forge.sign_as_pool("access", {**forge.body, "scope": "openid email"})
    for operation in BY_ACCESS_TOKEN:
        assert answers(backend, operation, token) == (
            "NotAuthorizedException: Access Token does not have required scopes")


def test_a_token_of_no_sign_in_is_nobodys(forge, backend):
    """Signed by the pool, but of a sign-in that never was or is over: the row decides, not the signature."""
    for changed in ({"event_id": "34c84488-e0e1-70ae-d2ee-991ad1a898c8"}, {"event_id": None}):
        token = forge.sign_as_pool("access", {**forge.body, **changed})
        for operation in BY_ACCESS_TOKEN:
            assert answers(backend, operation, token) == "NotAuthorizedException: Access Token has been revoked"


def test_kinds_never_mix(make_pool, backend, clock):
    """A refresh token, a code, a Session, a secret, an ID token: each is good for its own purpose alone."""
    pool = make_pool(mfa="OPTIONAL")
    client = pool.client(GenerateSecret=True)
    pool.user(email="user-1@example.com")
    tokens = client.tokens()
    totp = client.set_up_totp("user-1", clock)
    session = client.sign_in()["Session"]
    client.call("ForgotPassword", "user-1")
    code = pool.inbox.code("user-1@example.com")
    kinds = {"access": tokens["AccessToken"], "id": tokens["IdToken"], "refresh": tokens["RefreshToken"],
             "session": session, "code": code, "secret": client.secret, "totp": totp.secret, "client": client.id}

    def tried(operation, **members) -> str:
        try:
            backend.call(operation, members, ANONYMOUS)
        except CognitoError as refusal:
            return refusal.code
        pytest.fail(f"{operation} took {members}")

    refusals = {"NotAuthorizedException", "InvalidParameterException", "CodeMismatchException",
                "EnableSoftwareTokenMFAException"}
    for kind, value in kinds.items():
        if kind != "access":
            for operation in BY_ACCESS_TOKEN:
                assert tried(operation, **{**BY_ACCESS_TOKEN[operation], "AccessToken": value}) in refusals, kind
        if kind != "refresh":
            assert tried("GetTokensFromRefreshToken", ClientId=client.id, ClientSecret=client.secret,
                         RefreshToken=value) in refusals, kind
            assert tried("InitiateAuth", ClientId=client.id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={
                "REFRESH_TOKEN": value, "SECRET_HASH": client.hash("user-1")}) in refusals, kind
        if kind != "session":
            responses = {"USERNAME": "user-1", "SECRET_HASH": client.hash("user-1"),
                         "SOFTWARE_TOKEN_MFA_CODE": totp.code(1)}
            assert tried("RespondToAuthChallenge", ClientId=client.id, ChallengeName="SOFTWARE_TOKEN_MFA",
                         Session=value, ChallengeResponses=responses) in refusals, kind
        # A Session of another step does not set up a new authenticator app either.
        assert tried("AssociateSoftwareToken", Session=value) in refusals, kind
        assert tried("VerifySoftwareToken", Session=value, UserCode="123456") in refusals, kind
        if kind != "code":
            assert tried("ConfirmForgotPassword", ClientId=client.id, Username="user-1", Password="N3w-password!",
                         SecretHash=client.hash("user-1"), ConfirmationCode=value) in refusals, kind
    assert Authenticator(totp.secret, clock).code() == totp.code()
    backend.call("GetUser", {"AccessToken": tokens["AccessToken"]})
