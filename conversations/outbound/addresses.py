"""Which addresses are public. Nothing is looked up here.

The table is written out, because the result of `ipaddress.is_global` changes with Python's patch releases, and it
counts NAT64, 6to4 and multicast as public (3.11.7). Sources: IANA's IPv4 and IPv6 Special-Purpose Address Registries.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NOT_PUBLIC_V4: tuple[Network, ...] = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' NAT, and one cloud's metadata server
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # looks public, but is Azure's host agent, reachable only from inside
        "169.254.0.0/16",  # link-local, and most clouds' metadata server
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Everything outside this range is refused: loopback, unspecified, IPv4-compatible, unique local, link- and site-local,
# multicast, discard-only (100::/64), local NAT64 (64:ff9b:1::/48), segment routing (5f00::/16), and unassigned ranges.
PUBLIC_V6 = IPv6Network("2000::/3")
NOT_PUBLIC_V6: tuple[Network, ...] = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: deprecated (RFC 7526), and holds an IPv4 address
        "3ffe::/16",  # the former 6bone
        "3fff::/20",  # documentation
    )
)
# An IPv6-only network reaches public IPv4 servers through this prefix, so the IPv4 address inside is judged (RFC 6052).
NAT64 = IPv6Network("64:ff9b::/96")


def is_allowed(address: Address, *, allow: Sequence[Network]) -> bool:
    """Whether a connection may go there: the address is public, or inside a range in `allow`."""
    actual = unwrapped(address)
    return is_public(actual) or any(form in network for network in allow for form in (address, actual))


def is_public(address: Address) -> bool:
    """Judges the address as it is: an IPv4 address inside an IPv6 one needs `unwrapped` first."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_V4)
    return address in PUBLIC_V6 and not any(address in network for network in NOT_PUBLIC_V6)


def unwrapped(address: Address) -> Address:
    """The IPv4 address that packets to this one really go to (IPv4-mapped, NAT64), or the address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def ranges(texts: Iterable[str]) -> tuple[Network, ...]:
    """Parses CIDR ranges. Raises ValueError, with a hint."""
    return tuple(_range(text.strip()) for text in texts)


def _range(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as exc:
        hint = f"; did you mean {ip_network(text, strict=False)}?" if "host bits" in str(exc) else ""
        raise ValueError(f"{text!r} is not a range such as 127.0.0.0/8 or fd00::/8{hint}") from None
