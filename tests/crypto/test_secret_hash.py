"""SECRET_HASH: the published value, and every name that a user has."""

import pytest

from authservice.crypto.secret_hash import matches, secret_hash

USER = "34c84488-e0e1-70ae-d2ee-991ad1a898c8"
CLIENT = "1example23456789abcdefghij"
HASH = "VLsHPbPfTj4Nr0fGvcHkBBbmJdgsE3dPz1sbHSpcaEM="


def test_the_published_hash_is_computed():
    assert secret_hash("secret123", USER, CLIENT) == HASH


def test_a_hash_over_any_of_the_names_matches():
    names = ["user-1@example.com", USER, "+15555550100"]
    for name in names:
        assert matches(secret_hash("secret123", name, CLIENT), "secret123", names, CLIENT)
    assert matches(HASH, "secret123", iter(names), CLIENT)


@pytest.mark.parametrize(
    "given, secret, names, client",
    [
        (HASH, "secret124", [USER], CLIENT),
        (HASH, "secret123", [USER.upper()], CLIENT),
        (HASH, "secret123", [USER], CLIENT[:-1]),
        (HASH, "secret123", [], CLIENT),
        (HASH.rstrip("="), "secret123", [USER], CLIENT),
        (HASH.lower(), "secret123", [USER], CLIENT),
        (HASH + "\n", "secret123", [USER], CLIENT),
        ("", "secret123", [USER], CLIENT),
        ("é", "secret123", [USER], CLIENT),
        ("\ud800", "secret123", [USER, "\ud800"], CLIENT),
    ],
)
def test_another_secret_name_client_or_spelling_does_not_match(given, secret, names, client):
    assert matches(given, secret, names, client) is False
    assert matches(HASH, "secret123", [USER], CLIENT) is True


def test_every_candidate_is_computed_even_after_a_match():
    seen = []

    def names():
        for name in (USER, "b", "c"):
            seen.append(name)
            yield name

    assert matches(HASH, "secret123", names(), CLIENT)
    assert seen == [USER, "b", "c"]
