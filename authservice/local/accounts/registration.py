"""Making and removing users, for sign-up, administrators and the seed alike.

Owns the form of a new user: sub, username, the attribute a typed name becomes.
"""

from authservice.errors import CognitoError, alias_exists
from authservice.local.accounts import directory, profile
from authservice.local.call import Call
from authservice.local.models import Pool, User


def name_as_attribute(pool: Pool, username: str, attributes: dict[str, str]) -> None:
    """Where email or phone number is the username: the typed name is that attribute's value."""
    attribute = profile.username_attribute(pool, username)
    if attribute:
        attributes[attribute] = username


def new_user(call: Call, pool: Pool, username: str, attributes: dict[str, str], status: str,
             sub: str | None = None, exists: CognitoError | None = None, take_over: bool = False) -> User:
    """Add a user without a password; the username and its sign-in attribute must be free.

    In a pool whose username is an email or phone number the stored username is the `sub`.
    `exists` is the refusal where it has other words; `take_over` moves a verified alias here.
    Refuses with UsernameExistsException, or AliasExistsException.
    """
    def taken(attribute: str) -> CognitoError:
        if attribute in pool.alias_attributes:
            return alias_exists(attribute)
        return exists or profile.username_exists(pool, attributes.get(attribute, username))

    sub = sub or call.uuid()
    user = User(id=sub, pool=pool, pool_id=pool.id, username=sub if pool.username_attributes else username,
                status=status, enabled=True, attributes={}, pending={}, password_history=[], mfa_methods=[],
                totp_step=0, created_at=call.now, modified_at=call.now)
    profile.change(user, attributes)
    call.db.add(call.is_about(user))
    directory.index(call, user, take_over, taken)
    return user
