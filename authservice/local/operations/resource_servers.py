"""Resource servers: the APIs that a pool's access tokens are for, and the scopes they know."""

from sqlalchemy import delete, func, select

from authservice.errors import CognitoError, invalid_parameter, not_found
from authservice.local import pagination
from authservice.local.accounts import directory
from authservice.local.call import Call, operation
from authservice.local.models import Pool, ResourceServer

MOST_SERVERS = 25
LARGEST_PAGE = 50


def custom_scopes(call: Call, pool: Pool) -> set[str]:
    """The scopes of a pool's resource servers, as tokens carry them: identifier/scope."""
    servers = call.db.scalars(select(ResourceServer).where(ResourceServer.pool_id == pool.id))
    return {scope for server in servers for scope in scopes_of(server)}


def scopes_of(server: ResourceServer) -> set[str]:
    return {f"{server.identifier}/{scope['ScopeName']}" for scope in server.scopes}


def new_resource_server(pool: Pool, request: dict) -> ResourceServer:
    """A resource server from CreateResourceServer's members; shared by that operation and the seed."""
    server = ResourceServer(pool_id=pool.id, identifier=request["Identifier"])
    update(server, request)
    return server


def update(server: ResourceServer, request: dict) -> bool:
    """Give a server what UpdateResourceServer's members say; answers whether that changed anything."""
    name, scopes = request["Name"], [dict(scope) for scope in request.get("Scopes", [])]
    names = [scope["ScopeName"] for scope in scopes]
    if len(set(names)) < len(names):
        raise invalid_parameter("A resource server cannot have two scopes of the same name.")
    if (server.name, server.scopes) == (name, scopes):
        return False
    server.name, server.scopes = name, scopes
    return True


@operation("CreateResourceServer")
def create_resource_server(call: Call, request: dict) -> dict:
    """Source: API_CreateResourceServer."""
    pool = directory.pool(call, request["UserPoolId"])
    if call.db.get(ResourceServer, (pool.id, request["Identifier"])):
        raise invalid_parameter(f"{request['Identifier']} already exists in user pool {pool.id}.")
    servers = select(func.count()).select_from(ResourceServer).where(ResourceServer.pool_id == pool.id)
    if call.db.scalar(servers) >= MOST_SERVERS:
        raise CognitoError("LimitExceededException",
                           f"The user pool already has {MOST_SERVERS} resource servers.")
    server = new_resource_server(pool, request)
    call.db.add(server)
    return {"ResourceServer": _shown(server)}


def _server(call: Call, request: dict) -> ResourceServer:
    pool = directory.pool(call, request["UserPoolId"])
    server = call.db.get(ResourceServer, (pool.id, request["Identifier"]))
    if server is None:
        raise _unknown(request)
    return server


def _unknown(request: dict) -> CognitoError:
    return not_found(f"Resource server {request['Identifier']} does not exist.")


def _shown(server: ResourceServer) -> dict:
    return {"UserPoolId": server.pool_id, "Identifier": server.identifier, "Name": server.name,
            "Scopes": server.scopes}


@operation("DescribeResourceServer")
def describe_resource_server(call: Call, request: dict) -> dict:
    """Source: API_DescribeResourceServer."""
    return {"ResourceServer": _shown(_server(call, request))}


@operation("ListResourceServers", reads="replica")
def list_resource_servers(call: Call, request: dict) -> dict:
    """Source: API_ListResourceServers."""
    pool = directory.pool(call, request["UserPoolId"])
    servers, token = pagination.page(call, select(ResourceServer).where(ResourceServer.pool_id == pool.id),
                                     [ResourceServer.identifier], listing=("ListResourceServers", pool.id),
                                     size=request.get("MaxResults", LARGEST_PAGE),
                                     token=request.get("NextToken"))
    return {"ResourceServers": [_shown(server) for server in servers], **pagination.member(token)}


@operation("UpdateResourceServer")
def update_resource_server(call: Call, request: dict) -> dict:
    """Replace name and scopes; scopes left out are removed. Source: API_UpdateResourceServer."""
    server = _server(call, request)
    update(server, request)
    return {"ResourceServer": _shown(server)}


@operation("DeleteResourceServer")
def delete_resource_server(call: Call, request: dict) -> dict:
    """Delete a server, even if app clients still name its scopes. Source: API_DeleteResourceServer."""
    server = _server(call, request)
    call.claim(delete(ResourceServer).where(ResourceServer.pool_id == server.pool_id,
                                            ResourceServer.identifier == server.identifier),
               lambda: _unknown(request))
    return {}
