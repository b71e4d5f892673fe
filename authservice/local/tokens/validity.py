"""How long an app client's tokens live. Source: API_CreateUserPoolClient, TokenValidityUnits."""

from datetime import timedelta

from authservice.local.models import AppClient

DEFAULT = timedelta(hours=1)
REFRESH_DEFAULT = timedelta(days=30)
UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


def access(client: AppClient) -> timedelta:
    return _duration(client, "AccessToken", "hours", DEFAULT)


def identity(client: AppClient) -> timedelta:
    return _duration(client, "IdToken", "hours", DEFAULT)


def refresh(client: AppClient) -> timedelta:
    return _duration(client, "RefreshToken", "days", REFRESH_DEFAULT)


def challenge(client: AppClient) -> timedelta:
    """How long a challenge Session may wait for its answer: 3 to 15 minutes."""
    return timedelta(minutes=client.settings.get("AuthSessionValidity", 3))


def _duration(client: AppClient, token: str, usual_unit: str, default: timedelta) -> timedelta:
    number = client.settings.get(f"{token}Validity")
    if not number:  # 0 means the default too
        return default
    unit = client.settings.get("TokenValidityUnits", {}).get(token, usual_unit)
    return timedelta(seconds=number * UNITS[unit])
