"""How strongly somebody signed in: the levels (ACR), their names in a pool, and which one a request demands.

Owns the four levels and what satisfies them. Does not own the order of a sign-in (authentication/next_step.py)
nor when an app's request makes somebody sign in anew (oauth/authorize_request.py).
Source: Developer Guide, "Step-up authentication"; OpenID Connect Core section 3.1.2.1, `acr_values`; RFC 8176.
"""

from collections.abc import Iterable

from authservice.local.models import Pool, User

METHODS = {1: {"pwd"}, 4: {"pwd", "otp"}}
"""What has to be proven for a level. Levels 2 and 3 want codes by message and passkeys, which are not built."""


def level_names(settings: dict) -> dict[int, str]:
    """What pool settings call each of the four levels: by AcrConfiguration, else as Cognito does."""
    own = settings.get("AcrConfiguration", {})
    return {level: own.get(f"Level{level}", {}).get("AcrValue", f"urn:cognito:loa:{level}") for level in range(1, 5)}


def names(pool: Pool) -> dict[str, int]:
    """The levels that can be reached in a pool, by name; a LITE pool has none."""
    if pool.settings.get("UserPoolTier") == "LITE":
        return {}
    return {name: level for level, name in level_names(pool.settings).items() if level in METHODS}


def can_use_totp(user: User) -> bool:
    """Whether an authenticator app of this user counts in the pool."""
    return user.pool.mfa_configuration != "OFF" and user.pool.totp_enabled and user.totp_secret is not None


def demanded(user: User, acr_values: str | None) -> set[str]:
    """What must be proven for the first of the values that is known and that this user can reach."""
    levels = names(user.pool)
    can_prove = {"pwd", "otp"} if can_use_totp(user) else {"pwd"}
    for value in (acr_values or "").split():
        if value in levels and METHODS[levels[value]] <= can_prove:
            return METHODS[levels[value]]
    return set()


def reached(pool: Pool, methods: Iterable[str]) -> str | None:
    """The name of the highest level that these methods satisfy."""
    proven = set(methods)
    satisfied = [(level, name) for name, level in names(pool).items() if METHODS[level] <= proven]
    return max(satisfied)[1] if satisfied else None


def amr(methods: Iterable[str]) -> list[str]:
    """The claim `amr`: what was used, and `mfa` where that was more than one thing."""
    used = list(dict.fromkeys(methods))
    return [*used, "mfa"] if len(used) > 1 else used
