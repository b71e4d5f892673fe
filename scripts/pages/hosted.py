"""The hosted pages, and the service's others that a person sees: signing in, signing up, recovery, errors."""

from .visit import FIELD_NOTES, PASSWORD, TEMPORARY, Visit, shown

HARBOUR, ARCHIVE = "harbour0000000000000000001", "archive0000000000000000001"
NEW_PASSWORD, WRONG_CODE = "Other-Passw0rd!", "000000"


def _signed_in(visit: Visit, service: str) -> None:
    visit.enter(at=service)
    visit.sign_in("reader@example.com")
    visit.page.wait_for_url(f"{visit.sites.demo}/callback*")


# --- signing in ---------------------------------------------------------------------------

@shown("/login")
def sign_in(visit: Visit) -> None:
    """Sign in"""
    visit.enter()


@shown("/login")
def sign_in_suggested(visit: Visit) -> None:
    """Sign in, the name suggested by the application (login_hint)"""
    visit.enter(login_hint="reader@example.com")


@shown("/login")
def sign_in_refused(visit: Visit) -> None:
    """Sign in, refused: a wrong password"""
    visit.enter()
    visit.sign_in("reader@example.com", "wrong")


@shown("/login")
def sign_in_german(visit: Visit) -> None:
    """Sign in, in German"""
    visit.enter(lang="de")


@shown("/login")
def sign_in_closed(visit: Visit) -> None:
    """Sign in where only an administrator makes accounts"""
    visit.enter(ARCHIVE)


@shown("/changePassword")
def new_password(visit: Visit) -> None:
    """A new password is demanded, and what the profile lacks"""
    visit.enter(HARBOUR)
    visit.sign_in("invited@example.com", TEMPORARY)


@shown("/changePassword")
def new_password_refused(visit: Visit) -> None:
    """A new password, refused: the two are not the same"""
    visit.enter()
    visit.sign_in("invited@example.com", TEMPORARY)
    visit.fill_in(password=NEW_PASSWORD, password_again=PASSWORD)


@shown("/mfa")
def authenticator_code(visit: Visit) -> None:
    """The code of the authenticator app"""
    visit.enter()
    visit.sign_in("guarded@example.com")


@shown("/mfa")
def authenticator_code_refused(visit: Visit) -> None:
    """The code of the authenticator app, refused"""
    authenticator_code(visit)
    visit.fill_in(code=WRONG_CODE)


@shown("/mfa/setup")
def authenticator_setup(visit: Visit) -> None:
    """An authenticator app is demanded: its QR code"""
    visit.enter(HARBOUR)
    visit.sign_in("pilot@example.com")


@shown("/mfa/setup")
def authenticator_setup_refused(visit: Visit) -> None:
    """An authenticator app is demanded: its first code refused"""
    authenticator_setup(visit)
    visit.fill_in(code=WRONG_CODE)


@shown("/mfa/setup")
def authenticator_setup_german(visit: Visit) -> None:
    """An authenticator app is demanded, in German"""
    visit.enter(HARBOUR, lang="de")
    visit.sign_in("pilot@example.com")


@shown("/login")
def continue_to_app(visit: Visit) -> None:
    """Signed in, for the moment until the browser goes on"""
    visit.enter()
    visit.stay("/oauth2/authorize")
    visit.sign_in("reader@example.com")


@shown("/selectAccount")
def select_account(visit: Visit) -> None:
    """Somebody is signed in, and the application lets choose"""
    _signed_in(visit, visit.sites.service)
    visit.enter(prompt="select_account")


@shown("/consent")
def consent(visit: Visit) -> None:
    """The application asks for consent (strict mode)"""
    visit.enter(at=visit.sites.strict, prompt="consent", scope="openid email phone profile")
    visit.sign_in("reader@example.com")


# --- signing up ---------------------------------------------------------------------------

@shown("/signup")
def sign_up(visit: Visit) -> None:
    """Create an account"""
    visit.enter(path="/signup")


@shown("/signup")
def sign_up_long(visit: Visit) -> None:
    """Create an account where much is asked for"""
    visit.enter(HARBOUR, "/signup")


@shown("/signup")
def sign_up_refused(visit: Visit) -> None:
    """Create an account, refused: there is one of this name"""
    visit.enter(path="/signup")
    visit.sign_up("reader@example.com")


@shown("/signup")
def sign_up_closed(visit: Visit) -> None:
    """Create an account where only an administrator does"""
    visit.enter(ARCHIVE, "/signup")


@shown("/confirm")
def confirm(visit: Visit) -> None:
    """Confirm the address by the code that was sent"""
    visit.enter(path="/signup")
    visit.sign_up("newcomer@example.com")


@shown("/confirm")
def confirm_refused(visit: Visit) -> None:
    """Confirm the address, refused: a wrong code"""
    visit.enter(path="/signup")
    visit.sign_up("mistaken@example.com")
    visit.fill_in(code=WRONG_CODE)


@shown("/confirm")
def confirm_resent(visit: Visit) -> None:
    """Confirm the address, after a new code was asked for"""
    visit.enter(path="/signup")
    visit.sign_up("patient@example.com")
    visit.press("/resendcode")


@shown("/confirm")
def confirm_by_link(visit: Visit) -> None:
    """Confirm the address by the link that was sent"""
    visit.enter(HARBOUR, "/signup")
    visit.sign_up("linked@example.com", given_name="Demo", family_name="Pilot", birthdate="1990-12-10",
                  phone_number="+442079460018", website="https://example.com")


@shown("/confirmUser")
def link_refused(visit: Visit) -> None:
    """The link of a confirmation mail, refused"""
    visit.open(f"{visit.sites.service}/confirmUser?client_id={HARBOUR}&user_name=nobody&confirmation_code=1")


# --- recovery -----------------------------------------------------------------------------

@shown("/forgotPassword")
def forgot_password(visit: Visit) -> None:
    """Forgot the password"""
    visit.enter(path="/forgotPassword")


@shown("/forgotPassword")
def forgot_password_closed(visit: Visit) -> None:
    """Forgot the password where only an administrator helps"""
    visit.enter(ARCHIVE, "/forgotPassword")


@shown("/confirmforgotPassword")
def reset_password(visit: Visit) -> None:
    """Set a new password by the code that was sent"""
    forgot_password(visit)
    visit.fill_in(username="reader@example.com")


@shown("/confirmforgotPassword")
def reset_password_refused(visit: Visit) -> None:
    """Set a new password, refused: too simple a one"""
    forgot_password(visit)
    visit.fill_in(username="guarded@example.com")
    visit.fill_in(code=visit.sites.mailed_code("guarded@example.com"), password="too-simple",
                  password_again="too-simple")


# --- signing out ---------------------------------------------------------------------------------------------

@shown("/signout")
def sign_out(visit: Visit) -> None:
    """Sign out? Nobody knows who asks"""
    _signed_in(visit, visit.sites.service)
    visit.open(f"{visit.sites.service}/logout")


@shown("/signout")
def sign_out_for_app(visit: Visit) -> None:
    """Sign out? An application asks, without proof (strict mode)"""
    _signed_in(visit, visit.sites.strict)
    visit.open(f"{visit.sites.strict}/logout?client_id={FIELD_NOTES}&logout_uri={visit.sites.demo}/")


@shown("/signedout")
def signed_out_for_app(visit: Visit) -> None:
    """Signed out, for the moment until the browser goes on"""
    sign_out_for_app(visit)
    visit.stay(f"{visit.sites.demo}/")
    visit.press("/logout")


# --- by themselves ------------------------------------------------------------------------

@shown("/signedout")
def signed_out(visit: Visit) -> None:
    """Signed out, and nowhere to go"""
    visit.open(f"{visit.sites.service}/signedout")


@shown("/error")
def error(visit: Visit) -> None:
    """An application asked for something that may not be answered"""
    visit.enter(redirect_uri="https://elsewhere.example.com/callback")


@shown("/login")
def error_form(visit: Visit) -> None:
    """A form was sent from another browser"""
    visit.enter()
    visit.page.context.clear_cookies()
    visit.sign_in("reader@example.com")


@shown("/outbox")
def outbox(visit: Visit) -> None:
    """The messages that were sent, on this machine"""
    forgot_password(visit)
    visit.fill_in(username="reader@example.com")
    visit.open(f"{visit.sites.service}/outbox")


@shown("/outbox")
def outbox_empty(visit: Visit) -> None:
    """The messages that were sent, none to this address"""
    visit.open(f"{visit.sites.service}/outbox?to=nobody@example.com")
