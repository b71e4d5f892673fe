"""Issuing tokens: what is in an ID, an access and a refresh token.

Owns the claims. Does not own whether somebody may have them (authentication/,
oauth/), nor how long the keys live (keys.py).
Source: Developer Guide, "Understanding user pool JSON web tokens".
"""

from collections.abc import Collection, Iterable, Set
from datetime import datetime

from authservice.local.accounts import assurance, directory, profile
from authservice.local.call import Call, digest
from authservice.local.models import AppClient, Pool, RefreshToken, SignIn, User
from authservice.local.readings import SignInRead, UserSigningIn
from authservice.local.tokens import keys, validity

API_SCOPE = "aws.cognito.signin.user.admin"
"""The scope of every API sign-in; without it a token cannot call the user operations."""
PROFILE = {"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile",
           "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"}
"""What OpenID Connect means by the scope `profile` (Core section 5.4)."""
SCOPED = {"email": {"email", "email_verified"}, "phone": {"phone_number", "phone_number_verified"}}
REFRESH_HEADER = "eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAifQ"
"""Cognito's refresh tokens look like a JWE of five parts; some clients look for that."""


def issuer(call: Call, pool: Pool) -> str:
    return f"{call.settings.public_url}/{pool.id}"


def begin(call: Call, user: User | UserSigningIn, client: AppClient, scopes: Iterable[str] = (API_SCOPE,),
          auth_time: datetime | None = None, from_domain: bool = False, methods: Iterable[str] = (),
          **details) -> SignInRead:
    """Open a family of tokens for a user at an app client; `details` are those of SignIn that only some have: nonce,
    acr, claims, resource."""
    longest = max(validity.access(client), validity.identity(client))
    values = {"id": call.uuid(), "event_id": call.uuid(), "scopes": list(scopes), "auth_time": auth_time or call.now,
              "from_domain": from_domain, "methods": list(methods),
              **dict.fromkeys(("nonce", "acr", "claims", "resource")), **details}
    call.insert(SignIn, **values, user_id=user.id, client_id=client.id,
                expires_at=call.now + validity.refresh(client) + longest)
    return SignInRead(**values, revoked_at=None, user=user, client=client)


def authentication_result(call: Call, sign_in: SignInRead, refresh_token: str | None = None) -> dict:
    """AuthenticationResult as InitiateAuth and its siblings answer it; ExpiresIn is the access token's, in seconds."""
    client, groups = sign_in.client, directory.groups_of(call, sign_in.user)
    result = {"AccessToken": access_token(call, sign_in, groups),
              "ExpiresIn": int(validity.access(client).total_seconds()),
              "TokenType": "Bearer"}
    if refresh_token:
        result["RefreshToken"] = refresh_token
    if not sign_in.from_domain or "openid" in sign_in.scopes:  # a sign-in at the domain has what it asked for
        result["IdToken"] = id_token(call, sign_in, groups)
    return result


def new_refresh_token(call: Call, sign_in: SignIn, expires_at: datetime | None = None) -> str:
    """Add a refresh token to a sign-in; it lives as the app client says, or until `expires_at`."""
    token = ".".join([REFRESH_HEADER, *(call.token(n) for n in (32, 12, 48, 16))])
    call.insert(RefreshToken, id=digest(token), sign_in_id=sign_in.id,
                expires_at=expires_at or call.now + validity.refresh(sign_in.client))
    return token


def access_token(call: Call, sign_in: SignIn | SignInRead, groups: list[tuple]) -> str:
    """A signed access token: what its bearer may do, and nothing about who he is.

    `groups`: those of the user, as directory.groups_of gives them.
    """
    user, client = sign_in.user, sign_in.client
    claims = {"sub": user.id, **_groups(groups), "iss": issuer(call, user.pool)}
    if sign_in.from_domain:
        claims["version"] = 2
    if sign_in.resource:
        claims["aud"] = sign_in.resource
    claims |= {"client_id": client.id, **_family(call, sign_in), "token_use": "access",
               "scope": " ".join(sign_in.scopes), **_times(call, sign_in, validity.access(client)),
               **_strength(sign_in), "username": user.username}
    return keys.sign(call, user.pool, "access", claims)


def id_token(call: Call, sign_in: SignIn | SignInRead, groups: list[tuple], **further) -> str:
    """A signed ID token: who the user is, as far as the app client and its scopes may know."""
    user, client = sign_in.user, sign_in.client
    claims = {"sub": user.id, **_attribute_claims(call, sign_in),
              **_roles(groups), "iss": issuer(call, user.pool),
              "cognito:username": user.username, "aud": client.id, **_family(call, sign_in), "token_use": "id",
              **_times(call, sign_in, validity.identity(client)), **_strength(sign_in), **further}
    if sign_in.nonce:
        claims["nonce"] = sign_in.nonce
    return keys.sign(call, user.pool, "id", claims)


def client_access_token(call: Call, client: AppClient, scopes: list[str]) -> str:
    """The access token of an app itself (client_credentials): no user, no family, nothing to refresh."""
    now = int(call.now.timestamp())
    claims = {"sub": client.id, "token_use": "access", "scope": " ".join(scopes), "auth_time": now,
              "iss": issuer(call, client.pool), "exp": now + int(validity.access(client).total_seconds()), "iat": now,
              "version": 2, "jti": call.uuid(), "client_id": client.id}
    return keys.sign(call, client.pool, "access", claims)


def _family(call: Call, sign_in: SignIn) -> dict:
    """What ties a token to its sign-in; jti and origin_jti only where tokens can be revoked."""
    if not (sign_in.client.revocable or sign_in.client.rotates):
        return {"event_id": sign_in.event_id}
    return {"origin_jti": sign_in.id, "event_id": sign_in.event_id, "jti": call.uuid()}


def _times(call: Call, sign_in: SignIn, lifetime) -> dict:
    now = int(call.now.timestamp())
    return {"auth_time": int(sign_in.auth_time.timestamp()), "exp": now + int(lifetime.total_seconds()), "iat": now}


def _strength(sign_in: SignIn) -> dict:
    """How strongly the user signed in, where the app asked to know."""
    return {"acr": sign_in.acr, "amr": assurance.amr(sign_in.methods)} if sign_in.acr else {}


def _groups(groups: list[tuple]) -> dict:
    return {"cognito:groups": [group.name for group in groups]} if groups else {}


def _roles(groups: list[tuple]) -> dict:
    """Groups with their IAM roles; the preferred one is that of the lowest precedence number, unless two tie."""
    claims = _groups(groups)
    with_role = [group for group in groups if group.role_arn]
    if with_role:
        claims["cognito:roles"] = [group.role_arn for group in with_role]
        best = {group.role_arn for group in with_role if group.precedence == with_role[0].precedence}
        if len(best) == 1:
            claims["cognito:preferred_role"] = best.pop()
    return claims


def _attribute_claims(call: Call, sign_in: SignIn) -> dict:
    readable = sign_in.client.readable
    if not sign_in.from_domain:
        return shown(sign_in.user, readable)
    if call.settings.strict_oidc:
        return shown_strictly(sign_in, readable, "id_token")
    return shown(sign_in.user, readable & _names_in_scope(sign_in.scopes, readable))


def _names_in_scope(scopes: Iterable[str], everything: frozenset[str]) -> Set[str]:
    """Which attributes Cognito's ID token of these scopes carries: all for `profile`, or for `openid` alone."""
    wanted = [SCOPED[scope] for scope in scopes if scope in SCOPED]
    if "profile" in scopes or not wanted:
        return everything
    return set().union(*wanted)


def shown(user: User, names: Iterable[str]) -> dict:
    """These attributes of the user as claims, as far as he has them."""
    return {name: claim_value(name, value) for name, value in user.attributes.items() if name in names}


def shown_strictly(sign_in: SignIn, readable: frozenset[str], place: str) -> dict:
    """The attributes that the scopes name, or `claims` for this place (id_token or userinfo), in the types that
    OpenID Connect gives them; an `updated_at` that is no whole number is left out (Core sections 5.1, 5.4, 5.5).
    """
    by_name = set((sign_in.claims or {}).get(place, []))
    claims = shown(sign_in.user, (readable & by_name) | named_by_scope(sign_in.scopes, readable))
    if not isinstance(claims.get("updated_at"), int):
        claims.pop("updated_at", None)
    return claims


def named_by_scope(scopes: Collection[str], readable: frozenset[str]) -> Set[str]:
    """Which of the readable attributes these scopes are for: of `openid` none; custom ones come with `profile`."""
    named = set().union(*(SCOPED.get(scope, ()) for scope in scopes))
    if "profile" in scopes:
        named |= PROFILE | {name for name in readable if ":" in name}
    return readable & named


def claim_value(name: str, value: str):
    """An attribute as a claim: the verified flags are booleans, an address is an object, the rest strings."""
    if name in profile.VERIFIED.values():
        return value == "true"
    if name == "address":
        return {"formatted": value}
    if name == "updated_at" and value.isdigit():
        return int(value)
    return value
