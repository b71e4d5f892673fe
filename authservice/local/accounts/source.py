"""Where a guest comes from, as far as failures are counted by it.

Owns which addresses are counted as one, and which not at all. Does not own how the address became known (the doors,
the setting `trusted_proxies`), nor how many failures are too many (lockout.py).
"""

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

IPV6_NETWORK = 64
"""Bits of a customer's network: whoever has one IPv6 address has 2^64 of them."""
UNKNOWN = "unknown"


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
