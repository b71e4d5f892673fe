"""Basic OP, the modules of oidcc-basic-certification-test-plan about what a request may ask of the sign-in.

Display, prompt, max_age, hints, locales, acr_values; each in both modes. The neighbours: test_basic_op.py (before),
test_basic_op_codes.py (after).
"""

import pytest

from tests.oauth.conformance.relying_party import NEEDS_A_PAGE
from tests.oauth.provider import NAME


def test_oidcc_display_page(rp):
    """OP-display-page."""
    assert rp.flow(display="page").signed_in


def test_oidcc_display_popup(rp):
    """OP-display-popup."""
    assert rp.flow(display="popup").signed_in


def test_oidcc_prompt_login(rp):
    """OP-prompt-login: the person must sign in a second time, and auth_time says so."""
    first = rp.flow()
    rp.provider.clock.advance(seconds=2)
    second = rp.flow(prompt="login")
    assert first.signed_in and second.signed_in
    assert second.id_token["auth_time"] == first.id_token["auth_time"] + 2


def test_oidcc_prompt_none_not_logged_in(rp):
    """OP-prompt-none-NotLoggedIn: no page, but an error; a long state survives."""
    request = rp.request(prompt="none", state="s" * 128)
    assert rp.send(request) is None
    assert rp.refused(request) in NEEDS_A_PAGE


def same_sign_in(first, second) -> bool:
    """The second flow was answered without the person, for the sign-in of the first."""
    assert first.signed_in and not second.signed_in
    return all(first.id_token[name] == second.id_token[name] for name in ("sub", "auth_time"))


def test_oidcc_prompt_none_logged_in(rp):
    """OP-prompt-none-LoggedIn."""
    first = rp.flow()
    rp.provider.clock.advance(seconds=2)
    assert same_sign_in(first, rp.flow(prompt="none"))


def test_oidcc_max_age_1(rp):
    """OP-Req-max_age=1: two seconds later the person must sign in again, and auth_time says so."""
    first = rp.flow()
    rp.provider.clock.advance(seconds=2)
    second = rp.flow(max_age="1")
    assert first.signed_in and second.signed_in
    assert first.id_token["auth_time"] < second.id_token["auth_time"] == rp.provider.clock.now.timestamp()


def test_oidcc_max_age_10000(rp):
    """OP-Req-max_age=10000: still fresh enough, and auth_time is there both times."""
    first = rp.flow(max_age="15000")
    rp.provider.clock.advance(seconds=2)
    assert same_sign_in(first, rp.flow(max_age="10000"))


def test_oidcc_ensure_request_with_unknown_parameter_succeeds(rp):
    """OP-Req-NotUnderstood."""
    assert rp.flow(extra="foobar")


def test_oidcc_id_token_hint(rp):
    """OP-Req-id_token_hint, silently."""
    first = rp.flow()
    rp.provider.clock.advance(seconds=2)
    assert same_sign_in(first, rp.flow(prompt="none", id_token_hint=first.tokens["id_token"]))


def test_oidcc_login_hint(rp):
    """OP-Req-login_hint: no error, and the page has the name already."""
    page = rp.send(rp.request(login_hint=NAME))
    assert page.labels["Email address"].get("value") == NAME
    assert rp.flow(login_hint="buffy@example.com").signed_in


@pytest.mark.parametrize(("locales", "heading"), [("se", "Sign in"), ("fr-CA fr en", "Se connecter")])
def test_oidcc_ui_locales(rp, locales, heading):
    """OP-Req-ui_locales: a language that there is not is no error, and one that there is is spoken."""
    assert rp.send(rp.request(ui_locales=locales)).heading == heading
    assert rp.flow(ui_locales=locales)


def test_oidcc_claims_locales(rp):
    """OP-Req-claims_locales."""
    assert rp.flow(claims_locales="se")


def test_oidcc_ensure_request_with_acr_values_succeeds(rp):
    """OP-Req-acr_values: all that are advertised are asked for, and the ID token says which was reached."""
    supported = rp.metadata["acr_values_supported"]
    flow = rp.flow(acr_values=" ".join(supported))
    assert flow.id_token["acr"] in supported and flow.id_token["amr"] == ["pwd"]
