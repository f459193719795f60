"""What the host of a URL means: an address in one of its many notations, or a name, brought into one plain form."""

import re
import socket
from ipaddress import IPv4Address, IPv6Address

import idna

from conversations.outbound.addresses import Address
from conversations.outbound.errors import OutboundRefused

NAME_MAX_CHARS = 253
# Underscores are no host names by the book, but are in use.
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
# No top-level domain begins like this: who writes it means an address, and resolvers differ on which.
_NUMBER_AT_THE_END = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")


def plain(written: str) -> str:
    """A URL's host as every parser reads it alike: a lower-case ASCII name without the root's dot, or an address.

    IPv6 addresses keep their brackets. Raises OutboundRefused.
    """
    if written.startswith("["):
        return f"[{_ipv6(written.removeprefix('[').removesuffix(']'))}]"
    name = _ascii(written).removesuffix(".")
    address = literal(name)
    if address is not None:
        return str(address)
    if not _NAME.fullmatch(name) or len(name) > NAME_MAX_CHARS or _NUMBER_AT_THE_END.fullmatch(name):
        raise _no_host()
    return name


def literal(host: str) -> Address | None:
    """The address a host spells, in every notation the C library takes (127.1, 0x7f000001, 017700000001); else None.

    Raises OutboundRefused for what only looks like an IPv6 address, or has a zone.
    """
    if ":" in host:
        return _ipv6(host)
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def is_localhost(name: str) -> bool:
    """This machine by definition, whatever a resolver says (RFC 6761, 6.3)."""
    return f".{name.removesuffix('.').lower()}".endswith(".localhost")


def _ipv6(text: str) -> IPv6Address:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise _no_host() from None
    if address.scope_id is not None:  # a zone names a network card of ours
        raise _no_host()
    return address


def _ascii(written: str) -> str:
    """What browsers make of a name (UTS 46): punycode, full-width digits to digits, ideographic full stops to dots."""
    lowered = written.lower()
    if lowered.isascii() and "xn--" not in lowered:
        return lowered
    try:
        return idna.encode(lowered, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError:
        raise _no_host() from None


def _no_host() -> OutboundRefused:
    return OutboundRefused("the URL has no valid host", reason="host")
