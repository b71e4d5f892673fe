"""An app client's settings: completed with Cognito's defaults, and held to its rules.

Owns the settings document (everything but name and secret, in wire shape). Does not own
what the settings mean to a sign-in (authentication/, oauth/) nor how long a token
lives (tokens/validity.py).
Source: API_CreateUserPoolClient, API_UpdateUserPoolClient.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit
from copy import deepcopy

from authservice.contract import service
from authservice.errors import CognitoError, invalid_parameter
from authservice.local.accounts.pool_settings import unavailable_in_tier
from authservice.local.models import Pool

ELSEWHERE = {"UserPoolId", "ClientId", "ClientName", "GenerateSecret", "ClientSecret"}
DEFAULTS = {"RefreshTokenValidity": 30, "EnableTokenRevocation": True, "AuthSessionValidity": 3,
            "EnablePropagateAdditionalUserContextData": False, "AllowedOAuthFlowsUserPoolClient": False}
UNITS = {"AccessToken": "hours", "IdToken": "hours", "RefreshToken": "days"}
SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
RANGES = {"AccessToken": (300, 86400), "IdToken": (300, 86400), "RefreshToken": (3600, 3650 * 86400)}
"""Shortest and longest life of a token, in seconds."""
SYSTEM_SCOPES = ("openid", "email", "phone", "profile", "aws.cognito.signin.user.admin")
NEVER_WRITTEN = ("sub", "identities", "email_verified", "phone_number_verified")
LOOPBACK = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?([/?].*)?")
ABSOLUTE = re.compile(r"(?!javascript:|data:|vbscript:)[a-z][a-z0-9+.-]*:.+", re.IGNORECASE)
"""An absolute URI that leads somewhere, instead of running in the page that follows it."""


def complete(request: dict, pool: Pool, has_secret: bool, custom_scopes: Iterable[str], doing: str) -> dict:
    """The settings document for a CreateUserPoolClient or UpdateUserPoolClient request, with its defaults.

    `custom_scopes` are those of the pool's resource servers; `doing` is "creating" or "updating", as
    Cognito's refusals have it. Refuses what contradicts itself or the pool.
    """
    members = service().operation("CreateUserPoolClient").input_shape.members.keys() - ELSEWHERE
    given = {name: deepcopy(value) for name, value in request.items() if name in members and value != []}
    settings = {**DEFAULTS, **given}
    if settings["RefreshTokenValidity"] == 0:
        settings["RefreshTokenValidity"] = DEFAULTS["RefreshTokenValidity"]
        settings.get("TokenValidityUnits", {}).pop("RefreshToken", None)
    if "TokenValidityUnits" in settings:
        settings["TokenValidityUnits"] = {**UNITS, **settings["TokenValidityUnits"]}
    _check_lifetimes(settings)
    _check_auth_flows(settings, pool)
    _check_attributes(settings, pool, doing)
    _check_oauth(settings, has_secret, set(custom_scopes))
    _check_urls(settings)
    for provider in settings.get("SupportedIdentityProviders", []):
        if provider != "COGNITO":  # a pool has no other ones before identity providers are built
            raise invalid_parameter(f"The provider {provider} does not exist for User Pool {pool.id}.")
    return settings


def _check_lifetimes(settings: dict) -> None:
    units = {**UNITS, **settings.get("TokenValidityUnits", {})}
    lives = {}
    for token, (shortest, longest) in RANGES.items():
        number = settings.get(f"{token}Validity")
        lives[token] = 3600 if number is None else number * SECONDS[units[token]]
        if not shortest <= lives[token] <= longest:
            raise invalid_parameter("Invalid range for token validity.")
    if max(lives["AccessToken"], lives["IdToken"]) > lives["RefreshToken"]:
        raise invalid_parameter("Access and Id Token expiration times must be less than or equal to refresh "
                                "token expiration times.")


def _check_auth_flows(settings: dict, pool: Pool) -> None:
    flows = settings.get("ExplicitAuthFlows", [])
    legacy = [flow for flow in flows if not flow.startswith("ALLOW_")]
    if legacy and len(legacy) < len(flows):
        raise invalid_parameter("Auth flow name with prefix 'ALLOW' cannot be used with legacy auth flow "
                                "names.")
    rotation = settings.get("RefreshTokenRotation", {})
    if rotation.get("Feature") != "ENABLED":
        return
    if pool.settings["UserPoolTier"] == "LITE":
        raise unavailable_in_tier("LITE", ["Refresh Token Rotation"])
    if "ALLOW_REFRESH_TOKEN_AUTH" in flows:
        raise invalid_parameter("ALLOW_REFRESH_TOKEN_AUTH is not a permitted ExplicitAuthFlow when refresh "
                                "token rotation is enabled.")
    rotation.setdefault("RetryGracePeriodSeconds", 0)


def _check_attributes(settings: dict, pool: Pool, doing: str) -> None:
    known = {entry["Name"] for entry in pool.schema} | {"identities"}
    required = {entry["Name"] for entry in pool.schema if entry["Required"]} - {"sub"}
    readable, writable = settings.get("ReadAttributes"), settings.get("WriteAttributes")
    if readable and not known.issuperset(readable):
        raise invalid_parameter(f"Invalid read attributes specified while {doing} a client")
    if writable and not required <= set(writable) <= known.difference(NEVER_WRITTEN):
        raise invalid_parameter(f"Invalid write attributes specified while {doing} a client")


def _check_oauth(settings: dict, has_secret: bool, custom_scopes: set[str]) -> None:
    flows, scopes = settings.get("AllowedOAuthFlows", []), settings.get("AllowedOAuthScopes", [])
    if settings["AllowedOAuthFlowsUserPoolClient"] and not (flows and scopes):
        raise invalid_parameter("AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client "
                                "is allowed to use OAuth flows.")
    for scope in scopes:
        if scope not in SYSTEM_SCOPES and scope not in custom_scopes:
            raise CognitoError("ScopeDoesNotExistException", f"Invalid scope requested: {scope}")
    by_browser = [flow for flow in flows if flow != "client_credentials"]
    if by_browser and not settings.get("CallbackURLs"):
        raise _bad_flow("CallbackUrls can not be empty when code flow or implicit flow is selected")
    if len(by_browser) < len(flows):
        _check_client_credentials(by_browser, scopes, has_secret)


def _check_client_credentials(other_flows: list[str], scopes: list[str], has_secret: bool) -> None:
    if other_flows:
        raise _bad_flow("client_credentials flow can not be selected along with code flow or implicit flow.")
    if not has_secret:
        raise _bad_flow("client_credentials flow can not be selected if client does not have a client "
                        "secret.")
    for scope in scopes:
        if scope in SYSTEM_SCOPES:
            raise _bad_flow(f"{scope} is not supported with client_credentials flow")


def _bad_flow(message: str) -> CognitoError:
    return CognitoError("InvalidOAuthFlowException", message)


def _can_be_read(url: str) -> bool:
    try:
        urlsplit(url).port
    except ValueError:
        return False
    return True


def _check_urls(settings: dict) -> None:
    """Refuse addresses that are not absolute, have a fragment, or use plain HTTP beyond this machine."""
    for url in [*settings.get("CallbackURLs", []), *settings.get("LogoutURLs", [])]:
        if "#" in url:
            raise invalid_parameter(f"{url} cannot use fragment")
        if not ABSOLUTE.fullmatch(url) or not _can_be_read(url):
            raise invalid_parameter(f"{url} is not an absolute URI.")
        if url.lower().startswith("http:") and not LOOPBACK.fullmatch(url):
            raise invalid_parameter(f"{url} cannot use the HTTP protocol.")
    default = settings.get("DefaultRedirectURI")
    if default is not None and default not in settings.get("CallbackURLs", []):
        raise invalid_parameter(f"The default redirect URI {default} is not in the callback URIs list.")
