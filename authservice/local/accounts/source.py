"""Where a guest comes from, as far as failures are counted by it.

Owns whose address is meant, which are counted as one, and which not at all. Does not own how the address became known (the doors,
the setting `trusted_proxies`), nor how many failures are too many (lockout.py).
"""

import ipaddress
from dataclasses import replace
from functools import lru_cache
from urllib.parse import urlsplit

from authservice.contract import Caller

IPV6_NETWORK = 64
"""Bits of a customer's network: whoever has one IPv6 address has 2^64 of them."""
UNKNOWN = "unknown"


def of(caller: Caller, request: dict) -> Caller:
    """The caller with the address of the person who is behind a request.

    An app's own server asks for many, so its address tells nothing; it may tell its user's, as for Cognito's threat
    protection. It proves itself by AWS credentials, or by its client's secret: a hash that is wrong, or not due, is
    refused before any failure is counted.
    """
    if caller.kind == "iam":
        return replace(caller, address=request.get("ContextData", {}).get("IpAddress"))
    hashes = (request.get("SecretHash"), request.get("AuthParameters", {}).get("SECRET_HASH"),
              request.get("ChallengeResponses", {}).get("SECRET_HASH"))
    if caller.kind == "anonymous" and any(hashes):
        return replace(caller, address=request.get("UserContextData", {}).get("IpAddress"))
    return caller


@lru_cache(maxsize=10_000)
def counted_as(address: str | None, exempt: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> str | None:
    """The address, for IPv6 its /64, that failures are counted for; None where they are not.

    What a proxy writes may have a port. What is no address at all is counted as one source: it must be no way round.
    """
    if address is None:
        return None
    found = _read(address)
    if found is None:
        return UNKNOWN
    if any(found in network for network in exempt):
        return None
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, IPV6_NETWORK), strict=False))


def _read(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    for text in (address, _without_port(address)):
        try:
            found = ipaddress.ip_address(text)
        except ValueError:
            continue
        return getattr(found, "ipv4_mapped", None) or found
    return None


def _without_port(address: str) -> str:
    try:
        return urlsplit(f"//{address}").hostname or ""
    except ValueError:
        return ""
