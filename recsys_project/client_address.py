"""The address of a request's client, also behind proxies."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_network(request: HttpRequest) -> str:
    """The key of a client: its IPv4 address, or its IPv6 /64 network, all of which one client can use."""
    return _network(client_address(request))


def network_of(direct: str, forwarded: str) -> str:
    """``client_network`` of a request from this address with this X-Forwarded-For ("" without one)."""
    return _network(_address(direct, forwarded))


def _network(address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> str:
    if address is None:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)


def client_address(request: HttpRequest) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The client's address, as reported by the ``TRUSTED_PROXIES`` proxies in front of the site.

    Each proxy appends its client's address to X-Forwarded-For, so the entry at ``-TRUSTED_PROXIES`` comes from the
    outermost trusted proxy; the client may have forged the entries before it. None if the server listens on a Unix
    socket and no proxy reports an address.
    """
    return _address(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def _address(direct: str, forwarded: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    address = _parse(direct)
    hops = settings.TRUSTED_PROXIES
    if hops <= 0:
        return address
    reported = [part.strip() for part in forwarded.split(",") if part.strip()]
    if len(reported) < hops:  # The request did not pass the proxies.
        return address
    return _parse(reported[-hops]) or address


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parses an address as proxies write it: with or without a port, IPv6 in brackets or not; None if invalid."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
