"""The client's address, behind trusted proxies, and the form in which it is counted."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from fastapi import Request

from shared.settings import Network

Address = IPv4Address | IPv6Address


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> Address | None:
    """The last hop of X-Forwarded-For that is not a trusted proxy; an untrusted peer's header is not believed.

    `None` where the peer has no address (a Unix socket in a test).
    """
    hops = [hop.strip() for line in forwarded_for for hop in line.split(",")]
    address = _parsed(peer)
    while address is not None and hops and any(address in network for network in trusted):
        before = _parsed(hops.pop())
        if before is None:
            break
        address = before
    return address


def counted_as(address: Address | None) -> str:
    """IPv4 by itself, IPv6 by /64."""
    if address is None:
        return "unknown"
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False).network_address)
    return str(address)


def address_of(request: Request) -> Address | None:
    peer = request.client.host if request.client else ""
    return client_address(
        peer,
        request.headers.getlist("x-forwarded-for"),
        request.app.state.settings.trusted_proxies,
    )


def _parsed(text: str) -> Address | None:
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None  # as a socket for both families tells it
    return mapped or address
