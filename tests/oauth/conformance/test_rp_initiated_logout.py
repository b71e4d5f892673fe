"""RP-Initiated Logout OP: the modules of oidcc-rp-initiated-logout-certification-test-plan, in both modes.

One test for each module, under its name and in its order, and after it what the specification demands besides.
Source: OpenID Connect RP-Initiated Logout 1.0.
"""

from urllib.parse import parse_qsl, urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.hosted.page import Page
from tests.oauth.conformance.relying_party import NEEDS_A_PAGE, RelyingParty
from tests.oauth.provider import SIGNED_OUT, add_user

STATE = "s" * 120 + "~ +&=/?%"


@pytest.fixture
def hint(rp) -> str:
    """The ID token of the person who is signed in at the browser."""
    return rp.flow().tokens["id_token"]


def log_out(rp: RelyingParty, method: str = "GET", **given) -> Page | None:
    """Send the person to the end_session_endpoint; the page that is shown, None once sent away."""
    rp.guest.left_to, endpoint = None, rp.metadata["end_session_endpoint"]
    if method == "POST":
        return rp.guest.open(endpoint, "POST", given)
    return rp.guest.open(endpoint + ("?" + urlencode(given) if given else ""))


def say_yes(rp: RelyingParty, page: Page) -> Page | None:
    """The person agrees on the page that asks."""
    assert rp.guest.path == "/signout" and page.status == 200 and rp.guest.left_to is None
    [form] = page.root.all("form")
    [button] = form.all("button")
    return rp.guest.press(button.text)


def is_signed_in(rp: RelyingParty) -> bool:
    """What the suite asks last: is a request without any page still answered?"""
    request = rp.request(prompt="none")
    assert rp.send(request) is None
    if "code" in rp.callback(request):
        return True
    assert rp.refused(request) in NEEDS_A_PAGE
    return False


def is_signed_out_page(rp: RelyingParty, page: Page | None) -> bool:
    return rp.guest.left_to is None and page.status == 200 and page.heading == "You are signed out"


def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(rp):
    assert rp.metadata["end_session_endpoint"] == rp.provider.url + "/logout"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_oidcc_rp_initiated_logout(rp, hint, method):
    """Back at the registered address with the state and nothing else, and signed out."""
    log_out(rp, method, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT, state=STATE)
    address, _, query = rp.guest.left_to.partition("?")
    assert (address, parse_qsl(query, strict_parsing=True)) == (SIGNED_OUT, [("state", STATE)])
    assert not is_signed_in(rp)


@pytest.mark.parametrize("uri", ["http://localhost:3000/not-registered", "http://evil.example/", SIGNED_OUT + "/"])
def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(rp, hint, uri):
    """An error page, no redirect; and nobody was signed out by it."""
    rp.error_page(log_out(rp, id_token_hint=hint, post_logout_redirect_uri=uri, state=STATE))
    assert is_signed_in(rp)


def test_oidcc_rp_initiated_logout_modified_id_token_hint(rp, hint):
    """A hint without signature: an error page, no redirect; and nobody was signed out by it."""
    rp.error_page(log_out(rp, id_token_hint=unsigned(hint), post_logout_redirect_uri=SIGNED_OUT, state=STATE))
    assert is_signed_in(rp)


def unsigned(hint: str) -> str:
    return jwt.encode(jwt.decode(hint, options={"verify_signature": False}), "", algorithm="none",
                      headers={"kid": jwt.get_unverified_header(hint)["kid"]})


def test_oidcc_rp_initiated_logout_no_id_token_hint(rp, hint):
    """Anybody could have sent the person here: a page asks, and even after a yes it goes to no app."""
    page = log_out(rp, post_logout_redirect_uri=SIGNED_OUT, state=STATE)
    assert is_signed_out_page(rp, say_yes(rp, page)) and not is_signed_in(rp)


def test_oidcc_rp_initiated_logout_no_params(rp, hint):
    """A page asks, and after a yes another says that it is done."""
    assert is_signed_out_page(rp, say_yes(rp, log_out(rp))) and not is_signed_in(rp)


def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(rp, hint):
    assert is_signed_out_page(rp, log_out(rp, id_token_hint=hint, state=STATE)) and not is_signed_in(rp)


def test_oidcc_rp_initiated_logout_no_state(rp, hint):
    log_out(rp, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT)
    assert rp.guest.left_to == SIGNED_OUT and not is_signed_in(rp)


def test_oidcc_rp_initiated_logout_only_state(rp, hint):
    assert is_signed_out_page(rp, say_yes(rp, log_out(rp, state=STATE))) and not is_signed_in(rp)


def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(rp, hint):
    """An address is registered with its query, or without one."""
    rp.error_page(log_out(rp, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT + "?foo=bar", state=STATE))
    assert is_signed_in(rp)


def test_oidcc_rp_initiated_logout_bad_id_token_hint(rp, hint):
    """A hint that the suite has signed itself: an error page, no redirect; and nobody was signed out by it."""
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    fake = jwt.encode(jwt.decode(hint, options={"verify_signature": False}), own, "RS256", headers={"kid": "own"})
    rp.error_page(log_out(rp, id_token_hint=fake, post_logout_redirect_uri=SIGNED_OUT, state=STATE))
    assert is_signed_in(rp)


# What the plan does not ask

def test_nothing_ends_until_the_person_says_yes(rp, hint):
    log_out(rp)
    assert is_signed_in(rp)


def test_a_yes_without_the_forms_token_ends_nothing(rp, hint):
    """S4: another site cannot sign the person out."""
    page = log_out(rp)
    [form] = page.root.all("form")
    refused = rp.guest.press(form.all("button")[0].text, _csrf="x")
    assert refused.status in (400, 403) and rp.guest.left_to is None and is_signed_in(rp)


def test_without_a_hint_the_named_clients_registered_address_is_gone_to_after_a_yes(rp, hint):
    """Section 3: other means confirmed that it is legitimate, namely the person."""
    given = {"client_id": rp.client["ClientId"], "post_logout_redirect_uri": SIGNED_OUT, "state": STATE}
    assert say_yes(rp, log_out(rp, **given)) is None
    assert rp.guest.left_to == f"{SIGNED_OUT}?{urlencode({'state': STATE})}".replace("+", "%20")
    assert not is_signed_in(rp)


def test_a_forged_hint_is_none_here_nor_at_the_authorization_endpoint(rp, hint):
    """T9, A9: of the right person, but not by the pool's key for ID tokens."""
    kid, claims = {"kid": jwt.get_unverified_header(hint)["kid"]}, jwt.decode(hint, options={"verify_signature": False})
    thief = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = rp.keys()[kid["kid"]]["n"]
    forged = [jwt.encode(claims, thief, "RS256", headers=kid), jwt.encode(claims, public, "HS256", headers=kid),
              jwt.encode(claims, "x" * 32, "HS256", headers=kid), unsigned(hint), hint[:-8] + "AAAAAAAA",
              hint.rpartition(".")[0] + ".", hint + "x", "x", rp.flow().tokens["access_token"]]
    for each in forged:
        rp.error_page(log_out(rp, id_token_hint=each, post_logout_redirect_uri=SIGNED_OUT))
        request = rp.request(prompt="none", id_token_hint=each)
        assert rp.send(request) is None and rp.refused(request) == "login_required"
    assert is_signed_in(rp)


def test_a_hint_that_has_expired_is_still_a_hint(rp, hint):
    """Section 4."""
    rp.provider.clock.advance(days=2)
    log_out(rp, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT)
    assert rp.guest.left_to == SIGNED_OUT


def test_a_hint_of_another_client_than_the_named_one_is_refused(rp, hint):
    """Section 2: the client_id must be the hint's audience."""
    other = rp.provider.web["ClientId"]
    rp.error_page(log_out(rp, id_token_hint=hint, client_id=other, post_logout_redirect_uri=SIGNED_OUT))
    assert is_signed_in(rp)


def test_a_hint_of_another_person_does_not_sign_this_one_out_unasked(rp, hint):
    """Section 2: the hint does not name who is signed in here, so it proves nothing about the wish."""
    add_user(rp.provider.backend, rp.provider.pool_id, "user-2@example.com")
    browser = rp.provider.browser("user-2@example.com")
    theirs = rp.provider.tokens(rp.client, browser=browser)["id_token"]
    page = log_out(rp, id_token_hint=theirs, post_logout_redirect_uri=SIGNED_OUT)
    assert page is not None and rp.guest.left_to is None and is_signed_in(rp)


def test_cognitos_own_way_asks_first_in_strict_mode_alone(rp, hint):
    """Differs in Cognito: client_id and a registered logout_uri sign out at once, whoever sent the person."""
    page = log_out(rp, client_id=rp.client["ClientId"], logout_uri=SIGNED_OUT)
    if rp.strict:
        assert is_signed_in(rp)
        page = log_out(rp, client_id=rp.client["ClientId"], logout_uri=SIGNED_OUT)
        say_yes(rp, page)
    assert rp.guest.left_to == SIGNED_OUT and not is_signed_in(rp)
