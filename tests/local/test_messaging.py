"""Messages: the words they are made of, and the row in the outbox they wait in."""

import logging
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authservice.contract import OPERATOR
from authservice.errors import CognitoError
from authservice.local.messaging import outbox, templates
from authservice.local.models import Pool

PASSWORD = "Passw0rd!x"


# The words

def pool_with(mfa=None, **settings) -> Pool:
    return Pool(settings=settings, mfa=mfa or {})


def test_a_pool_without_its_own_words_uses_cognitos():
    pool = pool_with()
    assert templates.render(pool, "SignUp", "123456") == (
        "Your verification code", "Your verification code is 123456. ")
    assert templates.render(pool, "ForgotPassword", "123456", medium="SMS") == (
        None, "Your verification code is 123456. ")
    assert templates.render(pool, "AdminCreateUser", "Temp0rary!", "user-1") == (
        "Your temporary password", "Your username is user-1 and temporary password is Temp0rary!. ")
    assert templates.render(pool, "Authentication", "123456", medium="SMS") == (
        None, "Your authentication code is 123456. ")


def test_a_pool_speaks_in_its_own_words():
    verification = {"EmailSubject": "Check", "EmailMessage": "Mail {####}", "SmsMessage": "SMS {####}"}
    invitation = {"EmailSubject": "Welcome", "EmailMessage": "{username}, use {####}",
                  "SMSMessage": "{####} {username}"}
    pool = pool_with(
        VerificationMessageTemplate=verification, AdminCreateUserConfig={"InviteMessageTemplate": invitation},
        SmsAuthenticationMessage="In with {####}",
        mfa={"EmailMfaConfiguration": {"Subject": "Sign in", "Message": "Key {####}"}})
    assert templates.render(pool, "SignUp", "1") == ("Check", "Mail 1")
    assert templates.render(pool, "SignUp", "1", medium="SMS") == (None, "SMS 1")
    assert templates.render(pool, "AdminCreateUser", "1", "user-1") == ("Welcome", "user-1, use 1")
    assert templates.render(pool, "AdminCreateUser", "1", "user-1", medium="SMS") == (None, "1 user-1")
    assert templates.render(pool, "Authentication", "1", medium="SMS") == (None, "In with 1")
    assert templates.render(pool, "Authentication", "1") == ("Sign in", "Key 1")


def test_the_older_settings_for_words_count_too():
    pool = pool_with(EmailVerificationSubject="Old", EmailVerificationMessage="Old {####}",
                     SmsVerificationMessage="Old SMS {####}", VerificationMessageTemplate={})
    assert templates.render(pool, "SignUp", "1") == ("Old", "Old 1")
    assert templates.render(pool, "SignUp", "1", medium="SMS") == (None, "Old SMS 1")


def test_a_value_that_looks_like_a_placeholder_stays_what_it_is():
    subject, text = templates.render(pool_with(), "AdminCreateUser", "{username}", "{####}")
    assert text == "Your username is {####} and temporary password is {username}. "


def test_a_username_is_named_in_invitations_alone():
    pool = pool_with(VerificationMessageTemplate={"EmailMessage": "Dear {username}: {####}"})
    assert templates.render(pool, "SignUp", "1", "user-1")[1] == "Dear {username}: 1"


VISIBLE = st.text(st.characters(categories=["L", "M", "N", "P", "S"]), min_size=1)


@given(VISIBLE, VISIBLE)
def test_a_value_is_never_markup_and_reads_as_it_was(username, password):
    text = templates.render(pool_with(), "AdminCreateUser", password, username)[1]
    assert "<" not in text
    assert templates.readable(text) == f"Your username is {username} and temporary password is {password}."


def test_a_pool_that_confirms_by_link_sends_a_link_to_click():
    pool = pool_with(VerificationMessageTemplate={
        "DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailSubjectByLink": "Click",
        "EmailMessageByLink": "<p>Hello</p>{##Confirm <b>now</b>##}"})
    link = "https://auth.example.com/confirmUser?client_id=a&user_name=b"
    assert templates.by_link(pool) and not templates.by_link(pool_with())
    subject, text = templates.render(pool, "SignUp", "secret", link=link)
    assert subject == "Click"
    assert text == ('<p>Hello</p><a href="https://auth.example.com/confirmUser?client_id=a&amp;user_name=b">'
                    "Confirm <b>now</b></a>")
    assert templates.readable(text) == f"Hello\nConfirm now ({link})"
    assert templates.render(pool, "ForgotPassword", "123456")[1] == "Your verification code is 123456. "


def test_the_readable_form_of_a_designed_mail_has_its_words_alone():
    mail = ("<html><head><title>x</title><style>p { color: red }</style></head><body><h1>Welcome</h1>"
            "<p>Code:<br><b>123456</b></p><ul><li>one<li>two &lt; three</ul><!-- hidden --></body></html>")
    assert templates.readable(mail) == "Welcome\n\nCode:\n123456\n\none\ntwo < three"


# The row

def make_pool(backend, **settings) -> str:
    """Make a pool with an app client; returns the client's id."""
    settings = {"PoolName": "shop", "AutoVerifiedAttributes": ["email"], **settings}
    pool = backend.call("CreateUserPool", settings, OPERATOR)["UserPool"]
    client = {"UserPoolId": pool["Id"], "ClientName": "web"}
    return backend.call("CreateUserPoolClient", client, OPERATOR)["UserPoolClient"]["ClientId"]


def sign_up(backend, client_id: str, name: str = "user-1", attribute: str = "email", value: str = "") -> None:
    backend.call("SignUp", {"ClientId": client_id, "Username": name, "Password": PASSWORD, "UserAttributes": [
        {"Name": attribute, "Value": value or f"{name}@example.com"}]})


def test_a_sign_up_leaves_a_message_whose_code_confirms_it(local, clock):
    client_id = make_pool(local)
    sign_up(local, client_id)
    [message] = outbox.recent(local, "user-1@example.com")
    assert message["subject"] == "Your verification code"
    assert message["text"] == f"Your verification code is {message['code']}."
    assert (message["medium"], message["purpose"], message["link"]) == ("EMAIL", "SignUp", None)
    assert datetime.fromisoformat(message["sent_at"]) == clock.now
    local.call("ConfirmSignUp", {"ClientId": client_id, "Username": "user-1",
                                 "ConfirmationCode": message["code"]})


def test_a_refused_sign_up_leaves_no_message(local):
    client_id = make_pool(local)
    sign_up(local, client_id)
    with pytest.raises(CognitoError):
        sign_up(local, client_id, value="user-2@example.com")
    assert outbox.recent(local, "user-2@example.com") == []


def test_the_newest_message_is_first_even_while_the_clock_stands(local):
    client_id = make_pool(local)
    sign_up(local, client_id)
    for _ in range(3):
        local.call("ResendConfirmationCode", {"ClientId": client_id, "Username": "user-1"})
    purposes = [message["purpose"] for message in outbox.recent(local, "user-1@example.com")]
    assert purposes == ["ResendCode"] * 3 + ["SignUp"]
    newest = outbox.recent(local, limit=1)[0]["code"]
    local.call("ConfirmSignUp", {"ClientId": client_id, "Username": "user-1", "ConfirmationCode": newest})


def test_what_a_message_says_is_not_to_be_read_in_the_database(local, settings):
    sign_up(local, make_pool(local))
    local.close()
    on_disk = b"".join(path.read_bytes() for path in settings.instance.glob("authservice.db*"))
    assert b"user-1@example.com" in on_disk and b"verification code is" not in on_disk


def test_a_message_without_a_way_out_is_kept_and_that_is_said_once(local, caplog):
    caplog.set_level(logging.INFO)
    role = {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}
    client_id = make_pool(local, AutoVerifiedAttributes=["phone_number"], SmsConfiguration=role)
    for number in ("+15555550100", "+15555550101"):
        sign_up(local, client_id, f"user{number}", "phone_number", number)
    lines = [record.getMessage() for record in caplog.records if record.name == outbox.log.name]
    assert lines == ["SMS messages stay in the outbox: no way out is configured for them"]
    assert [message["medium"] for message in outbox.recent(local)] == ["SMS", "SMS"]
    assert local.courier.deliver_due() == 0
    assert all(message["code"] and message["subject"] is None for message in outbox.recent(local))
