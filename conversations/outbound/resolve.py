"""From a host to the addresses to connect to: looked up once, and all of them must be allowed."""

from collections.abc import Sequence
from ipaddress import IPv4Address

from conversations.outbound import hosts
from conversations.outbound.addresses import Address, Network, is_allowed
from conversations.outbound.errors import OutboundRefused
from conversations.outbound.lookups import LOOKUP_SECONDS, Lookup, not_found


def allowed_addresses(
    host: str, *, allow: Sequence[Network], lookup: Lookup, seconds: float = LOOKUP_SECONDS
) -> list[Address]:
    """The host's addresses, best first, without repeats. Looks up at most once.

    Raises OutboundRefused when any of them is neither public nor in `allow`: with mixed addresses, chance would decide
    which one is connected to. Raises OutboundFailed or OutboundTimeout when the name cannot be looked up.
    """
    found = known_addresses(host)
    if found is None:
        found = list(lookup(host, seconds))
    if not found:
        raise not_found()
    if not all(is_allowed(address, allow=allow) for address in found):
        raise OutboundRefused("the URL leads to an address that is not public", reason="address")
    return list(dict.fromkeys(found))


def known_addresses(host: str) -> list[Address] | None:
    """The addresses of a host that needs no lookup; None for one that does."""
    address = hosts.literal(host)
    if address is not None:
        return [address]
    return [IPv4Address("127.0.0.1")] if hosts.is_localhost(host) else None
