"""Password hashes: exact, salted, upgraded when the costs change, and as slow for nobody as for somebody."""

import time
import unicodedata
import warnings

import pytest

from authservice.crypto.passwords import Passwords

CHEAP = dict(memory_kib=64, time_cost=1, parallelism=1)


@pytest.fixture(scope="module")
def passwords():
    return Passwords(**CHEAP)


def test_a_hash_opens_to_its_password_alone(passwords):
    stored = passwords.hash("Correct horse 1!")
    assert passwords.verify("Correct horse 1!", stored) == (True, None)
    for other in ("correct horse 1!", "Correct horse 1! ", " Correct horse 1!", "Correct horse 1", ""):
        assert passwords.verify(other, stored) == (False, None)


def test_a_hash_is_argon2id_with_its_costs_in_it():
    assert Passwords(128, 2, 1).hash("x").startswith("$argon2id$v=19$m=128,t=2,p=1$")


def test_two_hashes_of_one_password_differ(passwords):
    assert passwords.hash("same") != passwords.hash("same")


@pytest.mark.parametrize("costs", [dict(memory_kib=128), dict(time_cost=2), dict(parallelism=2)])
def test_a_hash_with_other_costs_still_opens_and_is_replaced(passwords, costs):
    stored = passwords.hash("Correct horse 1!")
    stronger = Passwords(**CHEAP | costs)
    right, replacement = stronger.verify("Correct horse 1!", stored)
    assert right and replacement != stored
    assert stronger.verify("Correct horse 1!", replacement) == (True, None)
    assert stronger.verify("wrong", stored) == (False, None)


def test_a_nul_is_refused_and_never_ends_a_password(passwords):
    stored = passwords.hash("secret")
    for text in ("secret\0", "secret\0more", "\0secret"):
        with pytest.raises(ValueError):
            passwords.hash(text)
        assert passwords.verify(text, stored) == (False, None)
        assert passwords.verify_unknown(text) is False


def test_all_256_characters_count_and_the_257th_is_refused(passwords):
    longest = "a" * 256
    stored = passwords.hash(longest)
    assert passwords.verify(longest, stored)[0]
    assert passwords.verify("a" * 255 + "b", stored) == (False, None)
    assert passwords.verify("a" * 255, stored) == (False, None)
    assert passwords.verify("a" * 257, stored) == (False, None)
    with pytest.raises(ValueError):
        passwords.hash("a" * 257)


def test_the_limit_counts_characters_not_bytes(passwords):
    text = "🔑" * 256
    assert passwords.verify(text, passwords.hash(text))[0]


def test_unicode_is_kept_as_typed_and_not_normalised(passwords):
    composed, decomposed = (unicodedata.normalize(form, "Pässwörd") for form in ("NFC", "NFD"))
    stored = passwords.hash(composed)
    assert passwords.verify(composed, stored)[0]
    assert not passwords.verify(decomposed, stored)[0]


def test_text_that_is_not_unicode_is_refused_without_a_crash(passwords):
    with pytest.raises(ValueError):
        passwords.hash("\ud800")
    assert passwords.verify("\ud800", passwords.hash("x")) == (False, None)
    assert passwords.verify_unknown("\ud800") is False


def test_a_megabyte_is_refused_quickly():
    slow = Passwords(19456, 2, 1)
    stored = slow.hash("x")
    begun = time.perf_counter()
    for _ in range(20):
        assert slow.verify("x" * 2**20, stored) == (False, None)
        assert slow.verify_unknown("x" * 2**20) is False
    assert time.perf_counter() - begun < 0.2


def test_a_damaged_hash_is_an_error_not_a_wrong_password(passwords):
    with pytest.raises(ValueError):
        passwords.verify("x", "plain text")


def test_an_unknown_user_is_never_let_in_and_costs_the_same():
    slow = Passwords(19456, 2, 1)
    stored = slow.hash("right")

    def cost(attempt):
        times = []
        for _ in range(5):
            begun = time.process_time()
            attempt()
            times.append(time.process_time() - begun)
        return min(times)

    known = cost(lambda: slow.verify("wrong", stored))
    unknown = cost(lambda: slow.verify_unknown("wrong"))
    assert 0.5 < unknown / known < 2
    assert slow.verify_unknown("the password of nobody") is False


def test_nothing_here_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        passwords = Passwords(**CHEAP)
        passwords.verify("x", passwords.hash("x"))
