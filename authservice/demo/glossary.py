"""Request parameters and token claims in half a line each, and times made readable, for the pages."""
import time

PARAMETERS = {
    "response_type": "A code, not tokens: what passes through the browser is worthless by itself.",
    "client_id": "Which application asks. Not a secret.",
    "redirect_uri": "Where the answer goes. Compared with the registered ones, character for character.",
    "scope": "What the tokens may be used for, and which attributes they show.",
    "state": "Random, kept in this browser's session: an answer that nobody here asked for has no matching "
             "state.",
    "nonce": "Random, comes back signed inside the ID token: a token from another sign-in carries another "
             "one.",
    "code_challenge": "PKCE: the SHA-256 of a secret that stays here. Only who knows the secret can use the "
                      "code.",
    "code_challenge_method": "S256: the challenge is a hash, so it does not give the secret away.",
    "code": "Works once, for minutes, and only together with the code verifier.",
    "code_verifier": "PKCE: the secret itself. A stolen code is useless without it.",
    "grant_type": "What is being exchanged for tokens.",
    "refresh_token": "Lives for days. Kept on the server, sent to nobody but the token endpoint.",
    "iss": "Who answers (RFC 9207). Must be the issuer that was asked: no other server can slip in its "
           "answer.",
    "error": "Why the service refuses.",
    "error_description": "The same for people. Not a stable text.",
    "token": "The refresh token that must not work any more.",
    "logout_uri": "Where to go afterwards. Must be registered, as callback addresses must.",
    "prompt": "What to show: login asks again, select_account lets choose, consent asks for leave, none shows "
              "nothing.",
    "lang": "The language of the pages.",
}

ERRORS = {
    "access_denied": "The person, or a rule of the pool, said no. Nothing went wrong: offer to sign in again.",
    "login_required": "This site asked for an answer without any page (prompt=none), and nobody is signed in at "
                      "the service. The answer to that is a sign-in with pages.",
    "consent_required": "This site asked for an answer without any page, and the person has not been asked yet.",
    "invalid_request": "A parameter is missing, doubled or malformed, or this application must use PKCE.",
    "invalid_scope": "A scope was asked for that this application may not have.",
    "unauthorized_client": "This application may not sign people in this way: a setting of its app client.",
    "unsupported_response_type": "The service does not answer in this form.",
    "server_error": "The service had a fault of its own. Trying again later is all an application can do.",
    "temporarily_unavailable": "The service is overloaded or down for maintenance.",
}

CLAIMS = {
    "alg": "signature algorithm; this site accepts RS256 and nothing else",
    "kid": "which of the service's public keys made the signature",
    "typ": "kind of token",
    "iss": "who issued it",
    "aud": "for which application",
    "client_id": "for which application",
    "sub": "the person, for ever: the key to store your own data under",
    "exp": "not valid after",
    "iat": "issued at",
    "auth_time": "when the person last proved who they are",
    "nonce": "the random value this site sent along",
    "at_hash": "binds the ID token to its access token",
    "jti": "this token's own number",
    "origin_jti": "the sign-in it comes from; revoked together",
    "event_id": "the sign-in event at the service",
    "token_use": "an ID token is no access token, and the reverse",
    "scope": "what it may be used for",
    "version": "token format",
    "username": "name in the user pool",
    "cognito:username": "name in the user pool",
    "cognito:groups": "groups: decide here what the person may do",
    "email": "address",
    "email_verified": "the person has proved that the address is theirs",
    "name": "as the person wrote it",
    "acr": "how strong the sign-in was",
    "amr": "by which methods",
}

PERSON = "The person"
GROUPS = {
    "From whom, for whom, for what": ("iss", "aud", "client_id", "token_use", "scope", "version"),
    "When, and how": ("auth_time", "iat", "exp", "acr", "amr"),
    "What ties it together": ("nonce", "at_hash", "jti", "origin_jti", "event_id"),
}
"""Claims about the token itself; all others are about the person."""

TIMES = {"exp", "iat", "auth_time", "nbf", "updated_at"}


def parameter(name: str) -> str:
    return PARAMETERS.get(name, "")


def claim(name: str) -> str:
    return CLAIMS.get(name, "")


def error(code: str) -> str:
    return ERRORS.get(code, "")


def grouped(claims: dict) -> dict[str, dict]:
    """The claims of a token by what they tell, in the order of GROUPS; a claim that is unknown tells of the person."""
    about_token = {name for names in GROUPS.values() for name in names}
    person = {name: value for name, value in claims.items() if name not in about_token}
    return {PERSON: person, **{title: {name: claims[name] for name in names if name in claims}
                               for title, names in GROUPS.items()}}


def moment(name: str, value) -> str:
    """A time claim in words: `2025-11-23 22:11:05 UTC, in 59 minutes`; "" for a claim that is no time."""
    if name not in TIMES or isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(value))
    away = round(value - time.time())
    for seconds, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if abs(away) >= seconds:
            number = round(abs(away) / seconds)
            words = f"{number} {unit}{'' if number == 1 else 's'}"
            return f"{stamp}, in {words}" if away > 0 else f"{stamp}, {words} ago"
    return f"{stamp}, just now"
