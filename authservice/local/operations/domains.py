"""A pool's domains: the prefix under which its hosted pages and OAuth endpoints answer, and a custom one.

Here a prefix answers as http://{prefix}.localhost. Differs: a custom domain would need a
certificate and DNS that this service does not manage; it is kept and given back, never
becomes ACTIVE, and has no CloudFront distribution.
"""

import logging
import re

from sqlalchemy import delete
from sqlalchemy.orm.attributes import flag_modified

from authservice.errors import CognitoError, invalid_parameter, not_found
from authservice.local.accounts import directory, pool_settings
from authservice.local.call import Call, operation
from authservice.local.models import Domain, Pool

log = logging.getLogger(__name__)

PREFIX = re.compile(r"[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?")
RESERVED = ("aws", "amazon", "cognito")


def new_domain(call: Call, pool: Pool, request: dict) -> Domain:
    """Add a domain to a pool from CreateUserPoolDomain's members; shared by that operation and the seed.

    Refuses one that is taken, a second one of its kind, and a prefix Cognito would not have.
    """
    name, custom = request["Domain"], "CustomDomainConfig" in request
    if call.db.get(Domain, name):
        raise invalid_parameter("Domain already associated with another user pool.")
    if any(_is_custom(domain) == custom for domain in pool.domains):
        raise invalid_parameter("User pool already has a domain configured.")
    if not custom:
        _check_prefix(name)
    settings = {member: request[member] for member in ("CustomDomainConfig", "Routing") if member in request}
    _check_version(pool, request)
    domain = Domain(domain=name, pool_id=pool.id, created_at=call.now,
                    settings={**settings, "ManagedLoginVersion": request.get("ManagedLoginVersion", 1),
                              "Version": _version(call)})
    pool.domains.append(domain)
    # The pool's version goes up: two domains at once, or a domain and the pool's deletion, meet here.
    flag_modified(pool, "settings")
    if custom:
        log.warning("user pool %s: custom domain %s is kept without effect, not built yet", pool.id, name)
    return domain


def _is_custom(domain: Domain) -> bool:
    return "CustomDomainConfig" in domain.settings


def _check_prefix(prefix: str) -> None:
    if not PREFIX.fullmatch(prefix):
        raise invalid_parameter("The domain name contains an invalid character. Domain names can only "
                                "contain lower-case letters, numbers, and hyphens. Please enter a different "
                                r"name that follows this format: ^[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?$")
    for word in RESERVED:
        if word in prefix:
            raise invalid_parameter(f"Domain cannot contain reserved word: {word}")


def _check_version(pool: Pool, request: dict) -> None:
    version = request.get("ManagedLoginVersion", 1)
    if version not in (1, 2):
        raise invalid_parameter("ManagedLoginVersion must be 1 or 2.")
    if version == 2 and pool.settings["UserPoolTier"] == "LITE":
        raise pool_settings.unavailable_in_tier("LITE", ["Managed Login"])


def _version(call: Call) -> str:
    return call.now.strftime("%Y%m%d%H%M%S")


@operation("CreateUserPoolDomain")
def create_user_pool_domain(call: Call, request: dict) -> dict:
    """Source: API_CreateUserPoolDomain."""
    new_domain(call, directory.pool(call, request["UserPoolId"]), request)
    return _echo(request)


def _echo(request: dict) -> dict:
    return {member: request[member] for member in ("ManagedLoginVersion", "Routing") if member in request}


@operation("DescribeUserPoolDomain")
def describe_user_pool_domain(call: Call, request: dict) -> dict:
    """A domain; an unknown one has an empty description. Source: API_DescribeUserPoolDomain."""
    domain = call.db.get(Domain, request["Domain"])
    if domain is None:
        return {"DomainDescription": {}}
    return {"DomainDescription": {"UserPoolId": domain.pool_id, "AWSAccountId": call.settings.account_id,
                                  "Domain": domain.domain,
                                  "Status": "CREATING" if _is_custom(domain) else "ACTIVE",
                                  **domain.settings}}


def _domain_of_pool(call: Call, request: dict, refusal) -> Domain:
    domain = call.db.get(Domain, request["Domain"])
    if domain is None or domain.pool_id != request["UserPoolId"]:
        raise refusal()
    return domain


@operation("UpdateUserPoolDomain")
def update_user_pool_domain(call: Call, request: dict) -> dict:
    """Change the pages' version, or a custom domain's certificate. Source: API_UpdateUserPoolDomain."""
    domain = _domain_of_pool(call, request, lambda: not_found("No such domain or user pool exists."))
    if "CustomDomainConfig" in request and not _is_custom(domain):
        raise invalid_parameter("A prefix domain has no certificate of its own.")
    _check_version(directory.pool(call, domain.pool_id), request)
    changes = {member: request[member] for member in ("CustomDomainConfig", "Routing", "ManagedLoginVersion")
               if member in request}
    domain.settings = {**domain.settings, **changes, "Version": _version(call)}
    return _echo(request)


@operation("DeleteUserPoolDomain")
def delete_user_pool_domain(call: Call, request: dict) -> dict:
    """Source: API_DeleteUserPoolDomain."""
    domain = _domain_of_pool(call, request, _no_such_domain)
    call.claim(delete(Domain).where(Domain.domain == domain.domain, Domain.pool_id == domain.pool_id),
               _no_such_domain)
    return {}


def _no_such_domain() -> CognitoError:
    return invalid_parameter("No such domain or user pool exists.")
