"""Names in any script: one normal form at writing and at reading, and no name that means somebody else's."""

import unicodedata
from dataclasses import dataclass

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from authservice.contract import service
from authservice.local.accounts.directory import name_key
from tests.contract.guest import UNKNOWN, refused


@dataclass(frozen=True)
class PoolOf:
    """What name_key looks at."""

    case_sensitive: bool


MODEL = service().operation("SignUp").input_shape.members["Username"].metadata
FORM = regex.compile(MODEL["pattern"])
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=MODEL["max"]).filter(
    lambda name: FORM.fullmatch(name) is not None)
POOLS = st.builds(PoolOf, st.booleans())


@given(POOLS, NAMES)
def test_a_name_is_compared_in_one_form_however_it_is_composed(pool, name):
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert name_key(pool, unicodedata.normalize(form, name)) == name_key(pool, name)


@given(NAMES)
def test_case_counts_where_the_pool_says_so_and_nowhere_else(name):
    ignoring, minding = PoolOf(case_sensitive=False), PoolOf(case_sensitive=True)
    assert name_key(ignoring, name.casefold()) == name_key(ignoring, name)
    if unicodedata.normalize("NFKC", name) != unicodedata.normalize("NFKC", name.swapcase()):
        assert name_key(minding, name) != name_key(minding, name.swapcase())


@given(POOLS, NAMES, NAMES)
def test_names_meet_only_if_unicode_says_that_they_are_compatible(pool, one, two):
    if name_key(pool, one) == name_key(pool, two):
        assert unicodedata.normalize("NFKC", one).casefold() == unicodedata.normalize("NFKC", two).casefold()


@given(POOLS, st.text(st.characters(exclude_categories=["Cs"]), max_size=2048))
def test_a_key_fits_into_an_index(pool, value):
    assert len(name_key(pool, value).encode()) <= 2600


class TestARoundTrip:
    """The same through the API: whoever signs up under a name is found under it, and under no other's."""

    @pytest.fixture(scope="class")
    def client(self, tmp_path_factory):
        from tests.conftest import HeldToTheModel
        from tests.contract.conftest import open_store
        from tests.contract.guest import Inbox, Pool
        store = open_store(tmp_path_factory.mktemp("names"))
        yield Pool.make(HeldToTheModel(store.local), Inbox(store.local)).client()
        store.local.close()

    @settings(max_examples=40, deadline=None)
    @given(name=NAMES)
    def test_a_user_is_found_by_the_name_and_a_neighbouring_name_is_free(self, client, name):
        outcome = refused(client.sign_in, name)
        if outcome == UNKNOWN:
            assert client.sign_up(name)["UserConfirmed"] is False
        else:  # an earlier example met this one in normal form
            assert refused(client.sign_up, name).startswith("UsernameExistsException: ")
        assert client.pool.call("AdminGetUser", name)["UserStatus"] == "UNCONFIRMED"
        for neighbour in (name + "\ufe0f", "\u034f" + name):  # invisible, but another name
            if len(neighbour) <= MODEL["max"]:
                assert refused(client.sign_in, neighbour) == UNKNOWN
