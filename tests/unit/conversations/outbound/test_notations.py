"""Every notation of an IPv4 address is judged as its plain form, and becomes the same canonical form."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from conversations.errors import InvalidRequest
from conversations.outbound.addresses import NOT_PUBLIC_V4
from conversations.outbound.guard import check_url
from tests.unit.conversations.outbound.answers import PUBLIC, Resolver

NUMBERS = ("{}", "0{:o}", "000{:o}", "0x{:x}", "0X{:X}", "0x00{:x}")
FULL_WIDTH = str.maketrans("0123456789abcdefx.", "０１２３４５６７８９ａｂｃｄｅｆｘ。")


def near_an_edge(network: IPv4Network) -> st.SearchStrategy[IPv4Address]:
    first, last = int(network.network_address), int(network.broadcast_address)
    edges = [number for number in (first - 1, first, last, last + 1) if 0 <= number < 2**32]
    return st.sampled_from(edges).map(IPv4Address)


ADDRESSES = st.ip_addresses(v=4) | st.sampled_from(
    [network for network in NOT_PUBLIC_V4 if isinstance(network, IPv4Network)]
).flatmap(near_an_edge)


def notations(address: IPv4Address) -> Iterator[str]:
    """One to four parts, each decimal, octal or hexadecimal; then all in full width, as IPv6, and with a dot."""
    number = int(address)
    a, b, c, d = address.packed
    for parts in ((number,), (a, number & 0xFFFFFF), (a, b, number & 0xFFFF), (a, b, c, d)):
        alike = zip(*[NUMBERS] * len(parts), strict=True)
        for forms in product(NUMBERS, repeat=2) if len(parts) == 2 else alike:
            yield ".".join(form.format(part) for form, part in zip(forms, parts, strict=True))
    yield f"{a:#o}.{b:#x}.{c}.{d:#x}".replace("0o", "0")
    yield str(address).translate(FULL_WIDTH)
    yield hex(number).translate(FULL_WIDTH)
    yield f"{address}."


def verdict(host: str) -> str:
    resolver = Resolver([PUBLIC])
    try:
        plain: str = check_url(f"http://{host}/", param="url", allow=(), lookup=resolver)
    except InvalidRequest as refused:
        plain = refused.message
    assert resolver.asked == []
    return plain


@given(ADDRESSES)
def test_judges_every_notation_as_the_plain_address(address: IPv4Address) -> None:
    plain = verdict(str(address))

    assert {notation: verdict(notation) for notation in notations(address)} == dict.fromkeys(notations(address), plain)


@given(ADDRESSES)
def test_judges_the_address_inside_ipv6_as_the_plain_one(address: IPv4Address) -> None:
    passes = verdict(str(address)).startswith("http://")

    for written in (f"[::ffff:{address}]", f"[0:0:0:0:0:FFFF:{address}]", f"[64:ff9b::{address}]"):
        assert verdict(written).startswith("http://") is passes
