"""The grants: Authlib's, each bound to the rows and tokens of local/tokens.

Authlib owns the order of the checks and the errors; what a code or refresh token is worth, and what is in the
new tokens, is asked in local/tokens. A grant reaches the unit of work by `self.server.call`.
Source: RFC 6749 section 4, RFC 7636, RFC 8707; Developer Guide, "Token endpoint".
"""

from dataclasses import dataclass

from authlib.oauth2.rfc6749 import (AuthorizationCodeMixin, InvalidGrantError, InvalidRequestError,
                                    InvalidScopeError, TokenMixin, grants)
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.util import create_half_hash

from authservice.local import triggers
from authservice.local.accounts import directory
from authservice.local.call import Call
from authservice.local.models import AppClient, AuthorizationCode, BrowserSession, SignIn
from authservice.local.readings import RefreshTokenRead
from authservice.local.tokens import browser_sessions, codes, issue, refresh, validity
from authservice.oauth import advice, answers

S256_LENGTH = 43
"""Characters of a SHA-256 in base64url."""


@dataclass(frozen=True)
class Granted:
    """What an authorize request ends in: whose browser session, at which level, which claims by name."""

    session: BrowserSession
    acr: str | None
    claims: dict | None


def token_answer(call: Call, sign_in: SignIn, refresh_token: str | None = None,
                 scope: str | None = None) -> dict:
    """The members of a token response. An ID token comes with `openid`, and to a refreshed API sign-in.

    Differs: `scope` is there where the app may not know it, as RFC 6749 section 5.1 wants; never in Cognito.
    """
    groups = directory.groups_of(call, sign_in.user)
    access_token = issue.access_token(call, sign_in, groups)
    answer = {"access_token": access_token, **_kind(sign_in.client)}
    if "openid" in sign_in.scopes or not sign_in.from_domain:
        at_hash = create_half_hash(access_token, "RS256").decode()
        answer["id_token"] = issue.id_token(call, sign_in, groups, at_hash=at_hash)
    if refresh_token:
        answer["refresh_token"] = refresh_token
    return {**answer, "scope": scope} if scope else answer


def _kind(client: AppClient) -> dict:
    return {"expires_in": int(validity.access(client).total_seconds()), "token_type": "Bearer"}


class CodeShown(AuthorizationCodeMixin):
    """An authorization code's row with the questions Authlib asks it."""

    def __init__(self, row: AuthorizationCode):
        self.row, self.code_challenge = row, row.code_challenge

    def get_redirect_uri(self) -> str:
        return self.row.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.row.scopes)


class AuthorizationCodeGrant(grants.AuthorizationCodeGrant):
    """code: a redirect with a code, and its redemption."""

    def create_authorization_response(self, redirect_uri: str, grant_user: Granted) -> tuple:
        """A code for the user who is signed in, in the redirect URI as the app wrote it."""
        asked, client = self.request.payload, self.client.row
        code = codes.new(self.server.call, client, grant_user.session, redirect_uri=redirect_uri,
                         scopes=self.request.scope.split(), nonce=asked.data.get("nonce"),
                         code_challenge=asked.data.get("code_challenge"), resource=asked.data.get("resource"),
                         acr=grant_user.acr, claims=grant_user.claims or None)
        issuer = issue.issuer(self.server.call, client.pool)
        return answers.back(redirect_uri, {"code": code}, asked.state, issuer,
                            fragment=asked.data.get("response_mode") == "fragment")

    def query_authorization_code(self, code: str, client) -> CodeShown | None:
        row = codes.find(self.server.call, client.row, code)
        return row and CodeShown(row)

    def authenticate_user(self, authorization_code: CodeShown):
        return authorization_code.row.user

    def generate_token(self, user=None, scope=None, **_) -> dict:
        call, row, client = self.server.call, self.request.authorization_code.row, self.client
        triggers.fire(client.row.pool, "PreTokenGeneration")
        self.sign_in = issue.begin(call, row.user, client.row, row.scopes, row.auth_time, from_domain=True,
                                   nonce=row.nonce, methods=row.methods, acr=row.acr, claims=row.claims,
                                   resource=row.resource)
        # Whoever named no scope got all of the client's; whoever named them all is told once more. Strict mode may
        # have overlooked some of those named.
        may_differ = call.settings.strict_oidc or scope == client.get_allowed_scope(None)
        return token_answer(call, self.sign_in, issue.new_refresh_token(call, self.sign_in),
                            scope if may_differ else None)

    def delete_authorization_code(self, authorization_code: CodeShown) -> None:
        codes.spend(self.server.call, authorization_code.row, self.sign_in)


class ProofKey(CodeChallenge):
    """PKCE with S256 alone. A code with a challenge needs its verifier, and one without tolerates none."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def __init__(self):
        super().__init__(required=False)

    def validate_code_challenge(self, grant, redirect_uri) -> None:
        super().validate_code_challenge(grant, redirect_uri)
        challenge = grant.request.payload.data.get("code_challenge")
        if challenge and not grant.request.payload.data.get("code_challenge_method"):
            raise InvalidRequestError("code_challenge_method must be S256.")
        if challenge and len(challenge) != S256_LENGTH:
            raise InvalidRequestError("code_challenge is not a SHA-256 in base64url.")

    def validate_code_verifier(self, grant, result) -> None:
        try:
            super().validate_code_verifier(grant, result)
        except InvalidRequestError as error:  # Cognito has one answer for a wrong and for a missing verifier
            raise InvalidGrantError(error.description) from None

    def get_authorization_code_challenge_method(self, authorization_code) -> str:
        return "S256"


class ImplicitGrant(grants.ImplicitGrant):
    """token: access token (and ID token) in the fragment, for app clients that are set to allow it."""

    def authenticate_token_endpoint_client(self):
        """A browser brings the request, so nobody can prove himself; the redirect URI is what binds it."""
        return self.server.query_client(self.request.payload.client_id)

    def create_authorization_response(self, redirect_uri: str, grant_user: Granted) -> tuple:
        call, asked, client, session = self.server.call, self.request.payload, self.client.row, grant_user.session
        triggers.fire(client.pool, "PreTokenGeneration")
        browser_sessions.keep_alive(call, session)
        sign_in = issue.begin(call, session.user, client, self.request.scope.split(), session.auth_time,
                              from_domain=True, nonce=asked.data.get("nonce"), methods=session.methods,
                              acr=grant_user.acr, resource=asked.data.get("resource"))
        answer = token_answer(call, sign_in, scope=None if asked.scope else self.request.scope)
        return answers.back(redirect_uri, answer, asked.state, issue.issuer(call, client.pool), fragment=True)


class RefreshShown(TokenMixin):
    """A refresh token with the questions Authlib asks it."""

    def __init__(self, row: RefreshTokenRead):
        self.row = row

    def check_client(self, client) -> bool:
        return self.row.sign_in.client.id == client.row.id

    def get_scope(self) -> str:
        return " ".join(self.row.sign_in.scopes)


class RefreshTokenGrant(grants.RefreshTokenGrant):
    """refresh_token: new tokens of the same sign-in; where the client rotates, a new refresh token too."""

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshShown:
        return RefreshShown(refresh.redeem(self.server.call, self.client.row, refresh_token))

    def authenticate_user(self, refresh_token: RefreshShown):
        return refresh_token.row.sign_in.user

    def issue_token(self, user, refresh_token: RefreshShown) -> dict:
        """Fewer scopes may be asked for; as in Cognito the tokens keep all, and `scope` says so."""
        call, row = self.server.call, refresh_token.row
        triggers.fire(self.client.row.pool, "PreTokenGeneration")
        asked, granted = self.request.payload.scope, refresh_token.get_scope()
        differs = asked and set(asked.split()) != set(granted.split())
        return token_answer(call, row.sign_in, refresh.successor(call, row, self._rotates()),
                            granted if differs else None)

    def _rotates(self) -> bool:
        """In strict mode every client without a secret rotates, whatever its setting (RFC 9700 section 2.2.2)."""
        client = self.client.row
        if client.rotates or client.secrets:
            return client.rotates
        if not self.server.call.settings.strict_oidc:
            advice.give(client.id, advice.NO_ROTATION)
        return self.server.call.settings.strict_oidc

    def revoke_old_credential(self, refresh_token: RefreshShown) -> None:
        """Done: refresh.successor has ended the old one, where the app client rotates."""


class ClientCredentialsGrant(grants.ClientCredentialsGrant):
    """client_credentials: an access token for the app itself, with scopes of resource servers alone."""

    def validate_requested_scope(self) -> None:
        scope = self.client.get_machine_scope(self.request.payload.scope)
        if scope is None:
            raise InvalidScopeError()
        self.request.scope = scope

    def generate_token(self, **_) -> dict:
        client, scope = self.client.row, self.request.scope
        hook = client.pool.settings.get("LambdaConfig", {}).get("PreTokenGenerationConfig", {})
        if hook.get("LambdaVersion") == "V3_0":  # earlier versions are not asked about machines
            triggers.fire(client.pool, "PreTokenGeneration")
        access_token = issue.client_access_token(self.server.call, client, scope.split())
        answer = {"access_token": access_token, **_kind(client)}
        return answer if self.request.payload.scope else {**answer, "scope": scope}


GRANTS = [(AuthorizationCodeGrant, [ProofKey()]), (ImplicitGrant, None), (RefreshTokenGrant, None),
          (ClientCredentialsGrant, None)]
