"""Which pool a request means: from its app client, or from the host it was sent to.

At the public URL the pools of all app clients answer. At `{prefix}.localhost` only the pool with that
domain does, as at a Cognito domain: there an app client of another pool does not exist.
"""

import re
from urllib.parse import urlsplit

from authservice.local import readings
from authservice.local.call import Call
from authservice.local.models import AppClient, Domain, Pool
from authservice.oauth.asked import g, request

CLIENT_ID = re.compile(r"[\w+]{1,128}", re.ASCII)
POOL_ID = re.compile(r"[\w-]+_[0-9a-zA-Z]+", re.ASCII)
PREFIX_HOST = re.compile(r"(?P<name>(?P<prefix>[a-z0-9-]+)\.localhost)(:[0-9]+)?")


def find_client(call: Call, client_id: str | None) -> AppClient | None:
    """The app client of this id, if its pool answers at the host that was asked."""
    client = readings.client(call, client_id) if CLIENT_ID.fullmatch(client_id or "") else None
    if client is None or not answers_here(call, client.pool_id):
        return None
    g.client_id, g.pool_id = client.id, client.pool_id  # for the log
    return client


def find_pool(call: Call, pool_id: str) -> Pool | None:
    return readings.pool(call, pool_id) if POOL_ID.fullmatch(pool_id) else None


def answers_here(call: Call, pool_id: str) -> bool:
    """Whether this pool answers at the host that was asked."""
    prefix = _prefix(call)
    return prefix is None or pool_id == _pool_id_of(call, prefix)


def id_of_host(call: Call) -> str | None:
    """The id of the pool whose own host was asked, if it was one's own."""
    prefix = _prefix(call)
    return prefix and _pool_id_of(call, prefix)


def _prefix(call: Call) -> str | None:
    match = PREFIX_HOST.fullmatch(request.environ.get("HTTP_HOST", "").lower())
    if match is None or match["name"] == urlsplit(call.settings.public_url).hostname:
        return None
    return match["prefix"]


def _pool_id_of(call: Call, prefix: str) -> str | None:
    domain = call.db.get(Domain, prefix)
    return domain.pool_id if domain else None
