"""A user's password: the pool's policy, setting it, checking it.

Owns that hash and SRP verifier are always set together. Does not own the lock after
failures (lockout.py) nor the hash itself (crypto/passwords.py).
"""

from datetime import timedelta
from string import ascii_lowercase, ascii_uppercase, digits

from sqlalchemy import update

from authservice.crypto import srp
from authservice.errors import CognitoError
from authservice.local.call import Call
from authservice.local.models import Pool, User
from authservice.local.readings import UserSigningIn

SALT_BYTES = 16
SYMBOLS = set("^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- ")
"""The space counts where it is neither first nor last."""

SIGNING_UP = "Password did not conform with policy"
CREATING = "Password did not conform with password policy"
CHANGING = "Password does not conform to policy"
"""The three prefixes Cognito has for the same refusal."""


def check_policy(pool: Pool, password: str, prefix: str = CHANGING) -> None:
    """Refuse a password below the pool's policy, naming the first rule it breaks. Letters are Basic Latin.

    Source: Developer Guide, "Adding user pool password requirements".
    """
    policy = pool.password_policy
    rules = [
        (len(password) >= policy.get("MinimumLength", 8), "Password not long enough"),
        (not policy.get("RequireUppercase") or any(c in ascii_uppercase for c in password),
         "Password must have uppercase characters"),
        (not policy.get("RequireLowercase") or any(c in ascii_lowercase for c in password),
         "Password must have lowercase characters"),
        (not policy.get("RequireNumbers") or any(c in digits for c in password),
         "Password must have numeric characters"),
        (not policy.get("RequireSymbols") or any(c in SYMBOLS for c in password.strip(" ")),
         "Password must have symbol characters"),
        ("\0" not in password and len(password) <= 256, "Password cannot hold a NUL and has at most 256 characters"),
        (_is_text(password), "Password must be Unicode text"),
    ]
    for kept, message in rules:
        if not kept:
            raise CognitoError("InvalidPasswordException", f"{prefix}: {message}")


def _is_text(password: str) -> bool:
    """Whether it can be written as UTF-8: JSON can carry half of a surrogate pair."""
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_history(call: Call, user: User, password: str) -> None:
    """Refuse one of the last passwords, as many as the pool's PasswordHistorySize remembers."""
    size = user.pool.password_policy.get("PasswordHistorySize", 0)
    for old in user.password_history[:size]:
        if call.tools.passwords.verify(password, old)[0]:
            raise CognitoError("PasswordHistoryPolicyViolationException",
                               "Password has previously been used. Please choose another one.")


def set_password(call: Call, user: User, password: str) -> None:
    """Store the hash and the SRP verifier of a new password. Checks nothing."""
    salt = call.random(SALT_BYTES)
    user.password_hash = call.tools.passwords.hash(password)
    user.password_set_at = call.now
    user.srp_salt = salt
    verifier = srp.verifier(user.pool_id, user.username, password, salt)
    call.vault.keep(user, "srp_verifier", srp.pad(verifier))
    size = user.pool.password_policy.get("PasswordHistorySize", 0)
    user.password_history = [user.password_hash, *user.password_history][:size]
    user.modified_at = call.now


def is_right(call: Call, user: User | UserSigningIn | None, password: str) -> bool:
    """Whether this is the user's password; for no user, or one without a password, False at the same cost.

    A hash made with older settings is renewed on the way (written when the call commits).
    """
    if user is None or user.password_hash is None:
        return call.tools.passwords.verify_unknown(password)
    right, renewed = call.tools.passwords.verify(password, user.password_hash)
    if right and renewed:
        call.also(update(User).where(User.id == user.id, User.password_hash == user.password_hash)
                  .values(password_hash=renewed))
    return right


def temporary_expired(call: Call, user: User) -> bool:
    """Whether a temporary password is older than the pool's TemporaryPasswordValidityDays."""
    days = user.pool.password_policy.get("TemporaryPasswordValidityDays", 7)
    return call.now >= user.password_set_at + timedelta(days=days)


def generate(call: Call, pool: Pool) -> str:
    """A random temporary password that keeps any policy."""
    length = max(12, pool.password_policy.get("MinimumLength", 8))
    must = [call.pick(kind, 1) for kind in ("ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz", "23456789",
                                             "!@#%&*+=-_?")]
    rest = call.pick("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", length - len(must))
    return rest[:length // 2] + "".join(must) + rest[length // 2:]
