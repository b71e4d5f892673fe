"""App clients and their secrets: made, shown, listed, updated, deleted.

What an app client's settings may be is accounts/client_settings.py's; finding one and
checking its secret is accounts/directory.py's.
"""

from sqlalchemy import delete, func, select
from sqlalchemy.orm.attributes import flag_modified

from authservice.errors import CognitoError, client_not_found, invalid_parameter, not_found
from authservice.local import pagination
from authservice.local.accounts import client_settings, directory
from authservice.local.call import Call, operation
from authservice.local.models import AppClient, ClientSecret, Pool
from authservice.local.operations import resource_servers

LOWER_ALPHANUMERICS = "0123456789abcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 26
SECRET_LENGTH = 52
MOST_CLIENTS = 1000
MOST_SECRETS = 2


def new_client(call: Call, pool: Pool, request: dict, client_id: str | None = None, secret: str | None = None,
               scopes: set[str] | None = None) -> AppClient:
    """Add an app client; id and secret are made up unless they are pinned.

    `request` has CreateUserPoolClient's members; `scopes` are the custom scopes of the pool, where they are
    not in the database yet. Shared by that operation and the seed.
    """
    if request.get("GenerateSecret") and "ClientSecret" in request:
        raise invalid_parameter("You cannot specify both GenerateSecret as true and provide a ClientSecret "
                                "value.")
    secret = secret or request.get("ClientSecret")
    has_secret = bool(secret or request.get("GenerateSecret"))
    scopes = resource_servers.custom_scopes(call, pool) if scopes is None else scopes
    settings = client_settings.complete(request, pool, has_secret, scopes, "creating")
    client = AppClient(id=client_id or call.pick(LOWER_ALPHANUMERICS, ID_LENGTH), pool=pool, pool_id=pool.id,
                       name=request["ClientName"], settings=settings, secrets=[], created_at=call.now,
                       modified_at=call.now)
    call.db.add(client)
    if has_secret:
        add_secret(call, client, secret)
    return client


def add_secret(call: Call, client: AppClient, secret: str | None = None) -> tuple[ClientSecret, str]:
    """Add a secret, made up unless it is given; answers the row and the secret in clear."""
    secret = secret or call.pick(LOWER_ALPHANUMERICS, SECRET_LENGTH)
    epoch = int(call.now.timestamp())
    while any(row.id == f"{client.id}--{epoch}" for row in client.secrets):
        epoch += 1
    row = ClientSecret(id=f"{client.id}--{epoch}", client_id=client.id, created_at=call.now)
    call.vault.keep(row, "secret", secret)
    client.secrets.append(row)
    return row, secret


@operation("CreateUserPoolClient")
def create_user_pool_client(call: Call, request: dict) -> dict:
    """Source: API_CreateUserPoolClient."""
    pool = directory.pool(call, request["UserPoolId"])
    clients = select(func.count()).select_from(AppClient).where(AppClient.pool_id == pool.id)
    if call.db.scalar(clients) >= MOST_CLIENTS:
        raise CognitoError("LimitExceededException", f"The user pool already has {MOST_CLIENTS} app clients.")
    return {"UserPoolClient": _shown(call, new_client(call, pool, request))}


@operation("DescribeUserPoolClient")
def describe_user_pool_client(call: Call, request: dict) -> dict:
    """An app client, with its (older) secret in clear. Source: API_DescribeUserPoolClient."""
    return {"UserPoolClient": _shown(call, _client(call, request))}


def _client(call: Call, request: dict) -> AppClient:
    pool = directory.pool(call, request["UserPoolId"])
    return directory.client_of(call, request["ClientId"], pool.id)


def _shown(call: Call, client: AppClient) -> dict:
    secret = {"ClientSecret": call.vault.read_text(client.secrets[0], "secret")} if client.secrets else {}
    return {"UserPoolId": client.pool_id, "ClientName": client.name, "ClientId": client.id, **secret,
            "LastModifiedDate": client.modified_at, "CreationDate": client.created_at, **client.settings}


@operation("ListUserPoolClients", reads="replica")
def list_user_pool_clients(call: Call, request: dict) -> dict:
    """Source: API_ListUserPoolClients."""
    pool = directory.pool(call, request["UserPoolId"])
    if request.get("ClientType") == "DCR":  # dynamic client registration is not built: there are none
        return {"UserPoolClients": []}
    clients, token = pagination.page(call, select(AppClient).where(AppClient.pool_id == pool.id),
                                     [AppClient.created_at, AppClient.id],
                                     listing=("ListUserPoolClients", pool.id),
                                     size=request.get("MaxResults"), token=request.get("NextToken"))
    return {"UserPoolClients": [{"ClientId": client.id, "UserPoolId": client.pool_id,
                                 "ClientName": client.name}
                                for client in clients], **pagination.member(token)}


@operation("UpdateUserPoolClient")
def update_user_pool_client(call: Call, request: dict) -> dict:
    """Replace an app client's settings: members left out go back to their defaults; id and secrets stay.

    Tokens that are out already keep their life. Source: API_UpdateUserPoolClient.
    """
    client = _client(call, request)
    update(call, client, request)
    client.modified_at = call.now
    return {"UserPoolClient": _shown(call, client)}


def update(call: Call, client: AppClient, request: dict, scopes: set[str] | None = None) -> bool:
    """Give a client what UpdateUserPoolClient's members say; answers whether that changed anything."""
    scopes = resource_servers.custom_scopes(call, client.pool) if scopes is None else scopes
    settings = client_settings.complete(request, client.pool, bool(client.secrets), scopes, "updating")
    # Differs: ClientName has no default to go back to, so an omitted one stays.
    name = request.get("ClientName", client.name)
    if (client.name, client.settings) == (name, settings):
        return False
    client.name, client.settings, client.modified_at = name, settings, call.now
    return True


@operation("DeleteUserPoolClient")
def delete_user_pool_client(call: Call, request: dict) -> dict:
    """Delete an app client; its sign-ins and their tokens end with it. Source: API_DeleteUserPoolClient."""
    client = _client(call, request)
    call.claim(delete(AppClient).where(AppClient.id == client.id),
               lambda: client_not_found(request["ClientId"]))
    return {}


@operation("AddUserPoolClientSecret")
def add_user_pool_client_secret(call: Call, request: dict) -> dict:
    """Give a confidential app client its second secret; both are good until one is deleted.

    Source: API_AddUserPoolClientSecret.
    """
    client = _client_with_secret(call, request)
    if len(client.secrets) >= MOST_SECRETS:
        raise CognitoError("LimitExceededException", f"An app client has at most {MOST_SECRETS} secrets.")
    row, secret = add_secret(call, client, request.get("ClientSecret"))
    shown = {} if "ClientSecret" in request else {"ClientSecretValue": secret}
    return {"ClientSecretDescriptor": {**_described(row), **shown}}


def _client_with_secret(call: Call, request: dict) -> AppClient:
    """A confidential app client whose secrets are about to change."""
    client = _client(call, request)
    if not client.secrets:
        raise invalid_parameter(f"Client {client.id} is not configured with a secret.")
    # Its version goes up: two changes at once, which together would leave three secrets or none, meet here.
    flag_modified(client, "settings")
    return client


def _described(row: ClientSecret) -> dict:
    return {"ClientSecretId": row.id, "ClientSecretCreateDate": row.created_at}


@operation("ListUserPoolClientSecrets")
def list_user_pool_client_secrets(call: Call, request: dict) -> dict:
    """When each secret was made, never the secret; two at most, so there is one page.

    Source: API_ListUserPoolClientSecrets.
    """
    return {"ClientSecrets": [_described(row) for row in _client(call, request).secrets]}


@operation("DeleteUserPoolClientSecret")
def delete_user_pool_client_secret(call: Call, request: dict) -> dict:
    """Retire a secret, but not the last one. Source: API_DeleteUserPoolClientSecret."""
    client = _client_with_secret(call, request)
    row = next((row for row in client.secrets if row.id == request["ClientSecretId"]), None)
    if row is None:
        raise not_found(f"Client secret {request['ClientSecretId']} does not exist.")
    if len(client.secrets) == 1:
        raise invalid_parameter("The last secret of an app client cannot be deleted.")
    call.db.delete(row)
    return {}
