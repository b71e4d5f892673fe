"""Authlib's authorization server, bound to one unit of work.

A Server lives as long as one Call: it is made inside `backend.run` and dropped with it. So everything Authlib
does in pieces (find the client, find the code, make the tokens, spend the code) reads and writes one
transaction, and a run that starts over starts with a fresh Server. Refusals leave as exceptions, never as
answers: what a refused request had prepared is not committed.
Neighbours: grants.py, clients.py; the endpoints authorize, token and revoke.
"""

from collections.abc import Mapping

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error, OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from flask import Response
from werkzeug.datastructures import MultiDict

from authservice.body import FORM
from authservice.local.call import Call
from authservice.oauth import answers, clients, pools
from authservice.oauth.asked import request as asked
from authservice.oauth.grants import GRANTS


class Parameters(OAuth2Payload):
    """The parameters of a query. One without a value counts as left out (RFC 6749 section 3.1)."""

    def __init__(self, values: MultiDict):
        self._values = MultiDict((name, value) for name, value in values.items(multi=True) if value)

    @property
    def data(self) -> MultiDict:
        return self._values

    @property
    def datalist(self) -> dict[str, list]:
        return dict(self._values.lists())


class Request(OAuth2Request):
    """A request as Authlib reads one; `payload`: the query at /oauth2/authorize, the body elsewhere.

    Of the headers it has the one that is anybody's business here, Authorization.
    """

    def __init__(self, method: str, payload: OAuth2Payload, authorization: str | None = None):
        # Authlib judges here whether the address is safe; ours is the public URL's matter, never Host's.
        headers = {} if authorization is None else {"Authorization": authorization}
        super().__init__(method, "https://localhost", headers=headers)
        self.payload = payload

    @property
    def args(self) -> Mapping[str, str]:
        return self.payload.data

    @property
    def form(self) -> Mapping[str, str]:
        return self.payload.data


def posted_request() -> Request:
    """The request in the body that is being answered.

    Refuses parameters in the address (T5: secrets would stand in logs), another form of body, one twice.
    """
    here = asked._get_current_object()  # each look through the proxy takes its time
    if here.query_string and here.args:
        raise InvalidRequestError("Parameters belong into the body, not into the address.")
    if here.mimetype != FORM:
        raise InvalidRequestError("The body must be application/x-www-form-urlencoded.")
    form = here.form
    refuse_repeated(form)
    given = BasicOAuth2Payload({name: value for name, value in form.items() if value})
    return Request("POST", given, here.environ.get("HTTP_AUTHORIZATION"))


def refuse_repeated(values: MultiDict) -> None:
    """Refuse a parameter that is there twice: of two, readers pick different ones (RFC 6749 section 3.1)."""
    if any(len(given) > 1 for _, given in values.lists()):
        raise InvalidRequestError("A parameter is there more than once.")


class Server(AuthorizationServer):
    """Authlib's server for one Call."""

    def __init__(self, call: Call):
        super().__init__()
        self.call = call
        for grant, extensions in GRANTS:
            self.register_grant(grant, extensions)

    def create_oauth2_request(self, request: Request) -> Request:
        return request

    def query_client(self, client_id: str) -> clients.Client | None:
        row = pools.find_client(self.call, client_id)
        return row and clients.Client(row, self.call.settings.strict_oidc)

    def authenticate_client(self, request: Request, methods, endpoint="token") -> clients.Client:
        return clients.authenticate(self.call, request)

    def save_token(self, token: dict, request: Request) -> None:
        """Nothing is left to do: issuing has added the rows to the unit of work."""

    def handle_response(self, status: int, body, headers) -> Response:
        return answers.response(status, body, headers)

    def handle_error_response(self, request: Request, error: OAuth2Error):
        raise error
