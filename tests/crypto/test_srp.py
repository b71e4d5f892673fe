"""SRP: vectors of a public client's formulas, a client written from the rules, and the zero-key attacks."""

import base64
import hashlib
import hmac
import locale
from datetime import datetime, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from authservice.crypto import srp

POOL = "us-west-2_AbCdEfGhI"
USER = "34c84488-e0e1-70ae-d2ee-991ad1a898c8"
PASSWORD = "Passw0rd!23"
SALT = bytes.fromhex("a1b2c3d4e5f60718293a4b5c6d7e8f90")
CLIENT_SECRET = int("60975527035cf2ad1989806f0407210bc81edc04e2762a56afd529ddda2d4393" * 4, 16)
SERVER_SECRET = int("e487cb59d31ac550471e81f00f6928e01dda08e974a004f49e61f5d105284d20" * 4, 16)
BLOCK = base64.b64decode("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
TIMESTAMP = "Tue Sep 5 07:04:09 UTC 2023"
B = 0x1F3A9D5C7E8B2460A1C3E5F7092B4D6F8191A3B5C7D9EBFD0E2C4A6887654321  # 253 bits


def hex_digest(number):
    return hashlib.sha256(f"{number:x}".encode()).hexdigest()


def client_pad(number):
    """The padding rule as the client libraries write it, over hex text."""
    text = f"{number:x}"
    if len(text) % 2:
        text = "0" + text
    elif text[0] in "89abcdef":
        text = "00" + text
    return bytes.fromhex(text)


def client_key(pool, user, password, salt, a, b_public):
    """The client's half, from the rules and with Python's own pow: shares no line with the server's half."""
    h = lambda data: hashlib.sha256(data).digest()  # noqa: E731
    number = lambda data: int.from_bytes(data, "big")  # noqa: E731
    a_public = pow(2, a, srp.N)
    k = number(h(b"\0" + bytes.fromhex(f"{srp.N:x}") + b"\x02"))
    inner = h(f"{pool.split('_')[1]}{user}:{password}".encode())
    x = number(h(client_pad(int(salt.hex(), 16)) + inner))
    u = number(h(client_pad(a_public) + client_pad(b_public)))
    shared = pow(b_public - k * pow(2, x, srp.N), a + u * x, srp.N)
    prk = hmac.new(client_pad(u), client_pad(shared), "sha256").digest()
    return hmac.new(prk, b"Caldera Derived Key\x01", "sha256").digest()[:16]


def server_key(a_public, b, verifier):
    return srp.session_key(a_public, b, srp.public_b(verifier, b), verifier)


def test_the_group_is_rfc_3526_group_15_with_generator_2():
    digest = hashlib.sha256(srp.N.to_bytes(384, "big")).hexdigest()
    assert digest == "48cf8b092fbce4359d9871abf74f98e25b6163379eaa15cd9087e800c6d1c55c"
    assert srp.G == 2
    assert f"{srp.K:x}" == "538282c4354742d7cbbde2359fcf67f9f5b3a6b08791e5011b43b8a5b66d9ee6"


def test_a_whole_exchange_gives_the_published_numbers():
    verifier = srp.verifier(POOL, USER, PASSWORD, SALT)
    assert hex_digest(verifier) == "ac9fabfb804c46b65666ee3f04844d48d54e438ec2349ad542565b806c169aaf"
    b_public = (srp.K * verifier + pow(2, SERVER_SECRET, srp.N)) % srp.N  # of more bits than our own b has
    assert hex_digest(b_public) == "7babcdc0ef73f671f31fdaf8bb3de364771c5e66b70d45518a0a6704fc8aeeef"
    a_public = pow(2, CLIENT_SECRET, srp.N)
    assert hex_digest(a_public) == "a5d6aa11937b1a70316fbcfda94ac2b716e9acc681cbe90fdd3fc46f151bbe61"
    key = srp.session_key(a_public, SERVER_SECRET, b_public, verifier)
    assert key.hex() == "42c507a72d7edd7f2f52759394eb47c0"
    signature = srp.signature(key, POOL, USER, BLOCK, TIMESTAMP)
    assert base64.b64encode(signature) == b"4NqBarUND7RBKT8za4gbavaliTCVvdtjxqAq3VI5gIA="


def test_a_device_verifier_gives_the_published_number():
    password = base64.b64encode(bytes(range(40))).decode()
    device_key = "us-west-2_a1b2c3d4-5678-90ab-cdef-111122223333"
    verifier = srp.verifier("-v7w9UcY6", device_key, password, b"\x0f" * 16)
    assert hex_digest(verifier) == "ca04bc92f1e37f1b6cd72e444b8788b7ae28e6d60ef213a0c8e6e6941c9ab70c"


@settings(max_examples=12, deadline=None)
@given(
    password=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    salt=st.binary(min_size=16, max_size=16),
    a=st.integers(min_value=1, max_value=2**256 - 1),
    b=st.integers(min_value=1, max_value=2**256 - 1),
)
def test_client_and_server_agree_for_any_password_salt_and_exponents(password, salt, a, b):
    verifier = srp.verifier(POOL, USER, password, salt)
    b_public = srp.public_b(verifier, b)
    expected = client_key(POOL, USER, password, salt, a, b_public)
    assert srp.session_key(pow(2, a, srp.N), b, b_public, verifier) == expected


def test_a_salt_with_leading_zeros_is_hashed_as_clients_read_it():
    salt = bytes(3) + SALT[3:]
    verifier = srp.verifier(POOL, USER, PASSWORD, salt)
    b_public = srp.public_b(verifier, B)
    assert client_key(POOL, USER, PASSWORD, salt, 12345, b_public) == server_key(
        pow(2, 12345, srp.N), B, verifier
    )


@pytest.mark.parametrize(
    "pool, user, password",
    [
        (POOL, USER, "passw0rd!23"),
        (POOL, USER, PASSWORD + " "),
        (POOL, USER.upper(), PASSWORD),
        ("us-west-2_AbCdEfGhJ", USER, PASSWORD),
    ],
)
def test_another_password_user_or_pool_gives_another_key(pool, user, password):
    verifier = srp.verifier(POOL, USER, PASSWORD, SALT)
    b_public = srp.public_b(verifier, B)
    right = server_key(pow(2, 777, srp.N), B, verifier)
    assert client_key(POOL, USER, PASSWORD, SALT, 777, b_public) == right
    assert client_key(pool, user, password, SALT, 777, b_public) != right


def test_a_different_salt_gives_a_different_verifier():
    assert srp.verifier(POOL, USER, PASSWORD, SALT) != srp.verifier(POOL, USER, PASSWORD, SALT[::-1])


def test_every_part_of_the_signed_message_counts():
    arguments = [b"k" * 16, POOL, USER, BLOCK, TIMESTAMP]
    changed = [b"l" * 16, "us-west-2_other", USER[:-1] + "9", BLOCK[:-1] + b"\0", TIMESTAMP[:-1] + "4"]
    right = srp.signature(*arguments)
    for place, other in enumerate(changed):
        assert srp.signature(*arguments[:place], other, *arguments[place + 1 :]) != right


@pytest.mark.parametrize("multiple", [0, 1, 2, 3, 10, 255])
def test_an_a_that_would_make_the_shared_secret_zero_is_refused(multiple):
    verifier = srp.verifier(POOL, USER, PASSWORD, SALT)
    b_public = srp.public_b(verifier, B)
    with pytest.raises(ValueError):
        srp.parse_public(f"{multiple * srp.N:x}")
    with pytest.raises(ValueError):
        srp.session_key(multiple * srp.N, B, b_public, verifier)


def test_a_zero_u_is_refused(monkeypatch):
    # No A is known whose u is 0 (it would be a SHA-256 preimage), so the hash is made to give it.
    monkeypatch.setattr(srp, "_integer_hash", lambda *parts: 0)
    with pytest.raises(ValueError, match="u is zero"):
        srp.session_key(5, B, 7, 11)


@pytest.mark.parametrize(
    "text",
    ["", " ", "g1", "0x12", "-12", "+12", "1_2", "12 ", "12\n", "１２", "1" * 771, "f" * 100_000, None, 12],
)
def test_an_a_that_is_not_a_number_of_the_group_is_refused(text):
    with pytest.raises(ValueError):
        srp.parse_public(text)


def test_an_a_is_read_in_either_case_and_padded_or_not():
    largest = srp.N - 1
    for text in (f"{largest:x}", f"{largest:X}", f"00{largest:x}"):
        assert srp.parse_public(text) == largest
    assert srp.parse_public("2") == srp.parse_public("02") == 2


@given(verifier=st.integers(min_value=0, max_value=srp.N - 1), b=st.integers(min_value=1, max_value=2**256 - 1))
@example(verifier=5, b=1)
@example(verifier=5, b=0xFF << 248)
@example(verifier=5, b=2**256 - 1)
def test_b_is_published_as_the_formula_says(verifier, b):
    assert srp.public_b(verifier, b) == (srp.K * verifier + pow(2, b, srp.N)) % srp.N


def test_powers_of_g_are_kept_as_numbers_of_one_length():
    assert {power.bit_length() // 64 for row in srp._POWERS_OF_G for power in row} == {3072 // 64}


@pytest.mark.parametrize("b", [0, -1, 2**256])
def test_a_b_of_no_bits_or_too_many_is_refused(b):
    with pytest.raises(ValueError):
        srp.public_b(5, b)


@given(st.integers(min_value=0, max_value=2**3072))
def test_padding_is_that_of_the_client_libraries(number):
    assert srp.pad(number) == client_pad(number)


@pytest.mark.parametrize(
    "number, padded", [(0, "00"), (1, "01"), (127, "7f"), (128, "0080"), (0x1FF, "01ff")]
)
def test_padding_keeps_numbers_positive(number, padded):
    assert srp.pad(number).hex() == padded


@pytest.mark.parametrize("text", [TIMESTAMP, "Tue Sep 05 07:04:09 UTC 2023"])
def test_a_timestamp_is_read_with_or_without_a_leading_zero(text):
    assert srp.parse_timestamp(text) == datetime(2023, 9, 5, 7, 4, 9, tzinfo=timezone.utc)


def test_a_timestamp_is_english_whatever_the_locale():
    before = locale.setlocale(locale.LC_TIME)
    try:
        for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "C"):
            try:
                locale.setlocale(locale.LC_TIME, name)
            except locale.Error:
                continue  # not installed here; C always is
            assert srp.parse_timestamp("Mon May 12 23:59:59 UTC 2025").month == 5
            with pytest.raises(ValueError):
                srp.parse_timestamp("Mo Mai 12 23:59:59 UTC 2025")
    finally:
        locale.setlocale(locale.LC_TIME, before)


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        "2023-09-05T07:04:09Z",
        "Tue Sep 5 07:04:09 GMT 2023",
        "Tue Sep 5 07:04:09 2023",
        "tue sep 5 07:04:09 utc 2023",
        "Tue Sep  5 07:04:09 UTC 2023",
        "Tue Sep 31 07:04:09 UTC 2023",
        "Tue Sep 0 07:04:09 UTC 2023",
        "Tue Sep 5 24:04:09 UTC 2023",
        "Tue Sep 5 7:04:09 UTC 2023",
        "Tue Sep 5 07:04:09 UTC 2023 ",
        "Tue Sep 5 07:04:09 UTC 2023\n",
        "Tue Sep ٥ 07:04:09 UTC 2023",
        "Tue Sep 5 07:04:09 UTC 0000",
    ],
)
def test_another_timestamp_format_is_refused(text):
    with pytest.raises(ValueError):
        srp.parse_timestamp(text)
