"""Names in any script: one normal form at writing and at reading, and no name that means somebody else's."""

import unicodedata
from dataclasses import dataclass

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from authservice.contract import service
from authservice.local.accounts.directory import name_key
from tests.conftest import HeldToTheModel
from tests.contract.conftest import open_store
from tests.contract.guest import UNKNOWN, Inbox, Pool, refused


@dataclass(frozen=True)
class PoolOf:
    """What name_key looks at."""

    case_sensitive: bool


MODEL = service().operation("SignUp").input_shape.members["Username"].metadata
FORM = regex.compile(MODEL["pattern"])
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=MODEL["max"]).filter(
    lambda name: FORM.fullmatch(name) is not None)
TWO_CASES = st.text("abcXYZäÖüéÑабвЯλΣ019._-", min_size=1, max_size=40)
POOLS = st.builds(PoolOf, st.booleans())
steady = settings(derandomize=True, deadline=None)


@steady
@given(POOLS, NAMES)
def test_a_name_is_compared_in_one_form_however_it_is_composed(pool, name):
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert name_key(pool, unicodedata.normalize(form, name)) == name_key(pool, name)


@steady
@given(TWO_CASES)
def test_case_counts_where_the_pool_says_so_and_nowhere_else(name):
    ignoring, minding = PoolOf(case_sensitive=False), PoolOf(case_sensitive=True)
    for spelling in (name.lower(), name.upper(), name.swapcase()):
        assert name_key(ignoring, spelling) == name_key(ignoring, name)
        assert (name_key(minding, spelling) == name_key(minding, name)) == (spelling == name)


@steady
@given(POOLS, st.text(st.characters(exclude_categories=["Cs"]), max_size=2048))
def test_a_key_fits_into_an_index(pool, value):
    assert len(name_key(pool, value).encode()) <= 2600


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """An app client of a pool that all examples share."""
    store = open_store(tmp_path_factory.mktemp("names"))
    yield Pool.make(HeldToTheModel(store.local), Inbox(store.local)).client()
    store.local.close()


@settings(steady, max_examples=40)
@given(name=NAMES)
def test_whoever_signs_up_is_found_under_the_name_and_under_no_neighbouring_one(client, name):
    if refused(client.sign_in, name) == UNKNOWN:
        assert client.sign_up(name)["UserConfirmed"] is False
    else:  # an earlier example met this one in normal form
        assert refused(client.sign_up, name) == "UsernameExistsException: User already exists"
    assert client.pool.call("AdminGetUser", name)["UserStatus"] == "UNCONFIRMED"
    for neighbour in (name + "\ufe0f", "\u034f" + name):  # invisible, but another name
        if len(neighbour) <= MODEL["max"]:
            assert refused(client.sign_in, neighbour) == UNKNOWN
