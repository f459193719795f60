"""The host of a URL: an address in one of its many notations, or a name, brought into one canonical form."""

import re
import socket
from ipaddress import IPv4Address, IPv6Address

import idna

from conversations.outbound.addresses import Address
from conversations.outbound.errors import OutboundRefused

NAME_MAX_CHARS = 253
# The standard allows no underscores in host names, but they are in use.
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
# No top-level domain is a number: such a host is meant as an address, and resolvers differ on which.
_NUMBER_AT_THE_END = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")


def canonical(host: str) -> str:
    """The host in a form that all parsers read alike: a lower-case ASCII name without final dot, or an address.

    IPv6 addresses keep their brackets. Raises OutboundRefused.
    """
    if host.startswith("["):
        return f"[{_ipv6(host.removeprefix('[').removesuffix(']'))}]"
    name = _ascii(host).removesuffix(".")
    address = literal(name)
    if address is not None:
        return str(address)
    if not _NAME.fullmatch(name) or len(name) > NAME_MAX_CHARS or _NUMBER_AT_THE_END.fullmatch(name):
        raise _no_host()
    return name


def literal(host: str) -> Address | None:
    """The address that `host` is, in every notation the C library reads (127.1, 0x7f000001, 017700000001); else None.

    Raises OutboundRefused for an invalid IPv6 address, and for one with a zone.
    """
    if ":" in host:
        return _ipv6(host)
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def is_localhost(name: str) -> bool:
    """Whether the name is this machine by definition, whatever a resolver says (RFC 6761, 6.3)."""
    return f".{name.removesuffix('.').lower()}".endswith(".localhost")


def _ipv6(text: str) -> IPv6Address:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise _no_host() from None
    if address.scope_id is not None:  # a zone names one of our own network interfaces
        raise _no_host()
    return address


def _ascii(name: str) -> str:
    """The name as browsers convert it (UTS 46): punycode, full-width digits to digits, ideographic stops to dots."""
    lowered = name.lower()
    if lowered.isascii() and "xn--" not in lowered:
        return lowered
    try:
        return idna.encode(lowered, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError:
        raise _no_host() from None


def _no_host() -> OutboundRefused:
    return OutboundRefused("the URL has no valid host", reason="host")
