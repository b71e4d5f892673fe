"""JWTs: Cognito's form, any library can check them, and a long list of forgeries is refused."""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timezone

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from authservice.crypto import jwt

ISSUER = "http://localhost:8400/us-east-1_AbCdEfGhI"
NOW = datetime(2025, 3, 1, 12, 0, 0, tzinfo=timezone.utc)
SECONDS = int(NOW.timestamp())
CLAIMS = {"sub": "34c84488", "iss": ISSUER, "token_use": "access", "iat": SECONDS, "exp": SECONDS + 3600}
KEY = jwt.load_private(jwt.generate_key())
OTHER = jwt.load_private(jwt.generate_key())
KID = jwt.key_id(KEY)
KEYS = {KID: KEY.public_key()}
PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
DER = KEY.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)
GOOD = jwt.sign(CLAIMS, KEY, KID)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def rs256(data, key=KEY):
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def pss(data):
    return KEY.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


def hs256(secret):
    return lambda data: hmac.digest(secret, data, "sha256")


def forged(header, claims=CLAIMS, signer=rs256):
    """A token put together by hand; `header` and `claims` may be raw JSON text."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    signing_input = ".".join(b64(part.encode()) for part in parts)
    return signing_input + "." + b64(signer(signing_input.encode()))


def refusal(token, **settings):
    with pytest.raises(jwt.TokenRefused) as refused:
        jwt.verify(token, **{"public_keys": KEYS, "issuer": ISSUER, "now": NOW} | settings)
    return refused.value.reason


def accepted(token, **settings):
    return jwt.verify(token, **{"public_keys": KEYS, "issuer": ISSUER, "now": NOW} | settings)


HEADER = {"kid": KID, "alg": "RS256"}
HEAD, BODY, SIGNATURE = GOOD.split(".")
NOTHING = lambda data: b""  # noqa: E731
JWK = jwt.public_jwk(OTHER, KID)

FORGERIES = {
    # the algorithm
    "alg none, no signature": (forged(HEADER | {"alg": "none"}, signer=NOTHING), "malformed"),
    "alg None": (forged(HEADER | {"alg": "None"}), "signature"),
    "alg NONE": (forged(HEADER | {"alg": "NONE"}), "signature"),
    "alg nOnE": (forged(HEADER | {"alg": "nOnE"}), "signature"),
    "alg none, right signature": (forged(HEADER | {"alg": "none"}), "signature"),
    "alg none with a space": (forged(HEADER | {"alg": "none "}), "signature"),
    "alg empty": (forged(HEADER | {"alg": ""}), "signature"),
    "alg null": (forged(HEADER | {"alg": None}), "malformed"),
    "alg a list": (forged(HEADER | {"alg": ["RS256"]}), "malformed"),
    "alg missing": (forged({"kid": KID}), "signature"),
    "alg in lower case": (forged(HEADER | {"alg": "rs256"}), "signature"),
    "HS256 with the public key in PEM": (forged(HEADER | {"alg": "HS256"}, signer=hs256(PEM)), "signature"),
    "HS256 with the public key in DER": (forged(HEADER | {"alg": "HS256"}, signer=hs256(DER)), "signature"),
    "HS256 with the modulus": (
        forged(HEADER | {"alg": "HS256"}, signer=hs256(JWK["n"].encode())), "signature"
    ),
    "HS256 with an empty key": (forged(HEADER | {"alg": "HS256"}, signer=hs256(b"")), "signature"),
    "an HMAC that says RS256": (forged(HEADER, signer=hs256(PEM)), "signature"),
    "PS256 by the right key": (forged(HEADER | {"alg": "PS256"}, signer=pss), "signature"),
    "a PSS signature that says RS256": (forged(HEADER, signer=pss), "signature"),
    "RS512": (forged(HEADER | {"alg": "RS512"}), "signature"),
    "ES256": (forged(HEADER | {"alg": "ES256"}), "signature"),
    # the key
    "another key under our kid": (jwt.sign(CLAIMS, OTHER, KID), "signature"),
    "another key under its own kid": (jwt.sign(CLAIMS, OTHER, jwt.key_id(OTHER)), "signature"),
    "no kid": (forged({"alg": "RS256"}), "signature"),
    "kid a path": (forged(HEADER | {"kid": "../../dev/null"}), "signature"),
    "kid a list": (forged(HEADER | {"kid": [KID]}), "malformed"),
    # header members that a verifier could be led by
    "jwk": (forged(HEADER | {"jwk": JWK}, signer=lambda data: rs256(data, OTHER)), "malformed"),
    "jwk by the right key": (forged(HEADER | {"jwk": jwt.public_jwk(KEY, KID)}), "malformed"),
    "jku": (forged(HEADER | {"jku": "https://example.com/jwks.json"}), "malformed"),
    "x5u": (forged(HEADER | {"x5u": "https://example.com/cert.pem"}), "malformed"),
    "x5c": (forged(HEADER | {"x5c": ["MIIB"]}), "malformed"),
    "x5t": (forged(HEADER | {"x5t": "abc"}), "malformed"),
    "crit": (forged(HEADER | {"crit": ["exp"]}), "malformed"),
    "crit empty": (forged(HEADER | {"crit": []}), "malformed"),
    "b64 false": (forged(HEADER | {"b64": False, "crit": ["b64"]}), "malformed"),
    "b64 true": (forged(HEADER | {"b64": True}), "malformed"),
    "zip": (forged(HEADER | {"zip": "DEF"}), "malformed"),
    "cty and a nested token": (forged(HEADER | {"cty": "JWT"}, json.dumps(GOOD)), "malformed"),
    "alg twice": (forged(f'{{"kid":"{KID}","alg":"none","alg":"RS256"}}'), "malformed"),
    "alg and ALG": (forged(HEADER | {"ALG": "none"}), "malformed"),
    # the form
    "empty": ("", "malformed"),
    "two dots": ("..", "malformed"),
    "no signature": (f"{HEAD}.{BODY}", "malformed"),
    "an empty signature": (f"{HEAD}.{BODY}.", "malformed"),
    "four parts": (f"{GOOD}.{SIGNATURE}", "malformed"),
    "five parts": (f"{HEAD}..{BODY}.{SIGNATURE}.{SIGNATURE}", "malformed"),
    "padding": (GOOD + "==", "malformed"),
    "a line end": (GOOD + "\n", "malformed"),
    "a space before": (" " + GOOD, "malformed"),
    "Bearer before": ("Bearer " + GOOD, "malformed"),
    "standard base64 letters": (f"{HEAD}.{BODY}.{'+/' * 171}", "malformed"),
    "not text": (GOOD.encode(), "malformed"),
    "None": (None, "malformed"),
    "JSON serialisation": (
        json.dumps({"protected": HEAD, "payload": BODY, "signature": SIGNATURE}), "malformed"
    ),
    "header not JSON": (f"{b64(b'hello')}.{BODY}.{SIGNATURE}", "malformed"),
    "header a list": (forged("[]"), "malformed"),
    "header nested a thousand deep": (forged("[" * 5000), "malformed"),
    "header not UTF-8": (f"{b64(bytes([255, 254]))}.{BODY}.{SIGNATURE}", "malformed"),
    "a cut signature": (f"{HEAD}.{BODY}.{b64(unb64(SIGNATURE)[:-3])}", "signature"),
    "a signature of zeros": (f"{HEAD}.{BODY}.{b64(bytes(256))}", "signature"),
    "larger than 16 KiB": (jwt.sign(CLAIMS | {"filler": "x" * 16384}, KEY, KID), "malformed"),
    # signed by us, but not what we sign
    "claims a list": (forged(HEADER, "[]"), "malformed"),
    "claims not JSON": (forged(HEADER, "hello"), "malformed"),
    "exp twice": (forged(HEADER, json.dumps(CLAIMS)[:-1] + ', "exp": 9999999999}'), "malformed"),
    "no exp": (forged(HEADER, {"iss": ISSUER}), "malformed"),
    "exp a text": (forged(HEADER, CLAIMS | {"exp": "9999999999"}), "malformed"),
    "exp true": (forged(HEADER, CLAIMS | {"exp": True}), "malformed"),
    "exp not a number": (forged(HEADER, CLAIMS | {"exp": float("nan")}), "malformed"),
    "exp infinite": (forged(HEADER, CLAIMS | {"exp": float("inf")}), "malformed"),
    "another issuer": (forged(HEADER, CLAIMS | {"iss": ISSUER + "x"}), "issuer"),
    "a list of issuers": (forged(HEADER, CLAIMS | {"iss": [ISSUER]}), "issuer"),
    "no issuer": (forged(HEADER, {"exp": SECONDS + 10}), "issuer"),
}


@pytest.mark.parametrize("token, reason", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_is_refused(token, reason):
    assert refusal(token) == reason


def test_the_forgery_list_is_refused_for_what_was_changed():
    # The same hand-made construction with nothing wrong is accepted.
    assert accepted(forged(HEADER)) == CLAIMS
    assert accepted(forged(HEADER | {"typ": "JWT"})) == CLAIMS


@pytest.mark.parametrize("part", [0, 1, 2], ids=["header", "payload", "signature"])
def test_any_flipped_bit_is_refused(part):
    parts = GOOD.split(".")
    data = unb64(parts[part])
    for place in range(len(data)):
        for bit in (1, 128):
            changed = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
            forgery = ".".join(parts[:part] + [b64(changed)] + parts[part + 1 :])
            assert refusal(forgery) in ("signature", "malformed")


def test_there_is_one_spelling_of_a_signature():
    # The last of 342 base64 characters carries four bits that decode to nothing.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for letter in alphabet.replace(GOOD[-1], ""):
        assert refusal(GOOD[:-1] + letter) in ("signature", "malformed")


def test_a_token_has_cognitos_header_and_claims_in_order():
    assert unb64(HEAD).decode() == f'{{"kid":"{KID}","alg":"RS256"}}'
    assert list(json.loads(unb64(BODY))) == list(CLAIMS)
    assert accepted(GOOD) == CLAIMS


def test_another_library_verifies_our_token_by_our_published_key():
    key = pyjwt.PyJWK(jwt.public_jwk(KEY, KID)).key
    assert pyjwt.decode(GOOD, key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False})


def test_claims_that_json_cannot_hold_are_not_signed():
    for value in (float("nan"), NOW, b"bytes"):
        with pytest.raises((TypeError, ValueError)):
            jwt.sign(CLAIMS | {"odd": value}, KEY, KID)


def test_a_token_ends_at_the_second_of_its_exp():
    at = lambda seconds: datetime.fromtimestamp(seconds, timezone.utc)  # noqa: E731
    assert accepted(GOOD, now=at(SECONDS + 3599))
    assert refusal(GOOD, now=at(SECONDS + 3600)) == "expired"
    assert accepted(GOOD, now=at(SECONDS + 3600), check_expiry=False) == CLAIMS


def test_an_expired_forgery_is_told_nothing_about_expiry():
    late = datetime(2030, 1, 1, tzinfo=timezone.utc)
    assert refusal(jwt.sign(CLAIMS, OTHER, KID), now=late) == "signature"
    assert refusal(GOOD, now=late, issuer="https://example.com") == "issuer"


def test_a_retired_key_no_longer_verifies():
    assert refusal(GOOD, public_keys={}) == "signature"
    assert accepted(GOOD, public_keys={jwt.key_id(OTHER): OTHER.public_key()} | KEYS)


def test_a_new_key_is_rsa_2048_with_exponent_65537():
    key = jwt.load_private(jwt.generate_key())
    assert isinstance(key, rsa.RSAPrivateKey) and key.key_size == 2048
    assert key.public_key().public_numbers().e == 65537


def test_a_key_id_is_the_hash_of_the_public_key():
    assert KID == base64.b64encode(hashlib.sha256(DER).digest()).decode()
    assert len(KID) == 44 and KID.endswith("=")
    assert jwt.key_id(KEY.public_key()) == KID != jwt.key_id(OTHER)


def test_a_published_key_has_cognitos_six_members_and_nothing_private():
    published = jwt.public_jwk(KEY, KID)
    assert list(published) == ["alg", "e", "kid", "kty", "n", "use"]
    fixed = {"alg": "RS256", "e": "AQAB", "kid": KID, "kty": "RSA", "use": "sig"}
    assert published == fixed | {"n": published["n"]}
    assert int.from_bytes(unb64(published["n"]), "big") == KEY.public_key().public_numbers().n
    assert jwt.public_jwk(KEY.public_key(), KID) == published
