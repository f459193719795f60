"""Which addresses are public: the edges of every range, and IPv4 addresses inside IPv6 addresses."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.outbound.addresses import is_allowed, is_public, ranges, unwrapped

NOT_PUBLIC = """
0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.255
168.63.129.16 169.254.0.0 169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.192 192.0.2.1 192.88.99.1
192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.0
255.255.255.255
:: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1
64:ff9b::169.254.169.254 64:ff9b::ffff:ffff 64:ff9b:1::7f00:1 64:ff9b:1:808:8:800:: 100::1 100:0:0:1::1 2001::1
2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:30::1 2001:db8::1 2002:7f00:1::
2002:808:808::1 3ffe::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 fe80::1%1
febf::1 fec0::1 ff02::1 ff0e::1
"""

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15
168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.167.255.255
192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
2001:200::1 2001:4860:4860::8888 2400:cb00::1 2606:4700:4700::1111 2a00:1450:4001::1 3ffd::1 3fff:1000::1
::ffff:8.8.8.8 64:ff9b::8.8.8.8
"""


@pytest.mark.parametrize("text", NOT_PUBLIC.split())
def test_refuses(text: str) -> None:
    assert not is_allowed(ip_address(text), allow=())


@pytest.mark.parametrize("text", PUBLIC.split())
def test_allows(text: str) -> None:
    assert is_allowed(ip_address(text), allow=())


@settings(max_examples=1000)
@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_is_never_laxer_than_python(address: IPv4Address | IPv6Address) -> None:
    """hypothesis draws from the special ranges on purpose."""
    assert address.is_global or not is_public(address)


@given(st.ip_addresses(v=4))
def test_judges_an_address_inside_an_address_as_the_one_inside(inner: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{inner}")
    translated = IPv6Address(f"64:ff9b::{inner}")

    assert unwrapped(mapped) == unwrapped(translated) == inner
    assert is_allowed(mapped, allow=()) == is_allowed(translated, allow=()) == is_public(inner)


@pytest.mark.parametrize("text", ["127.0.0.1", "127.255.0.1", "::ffff:127.0.0.1", "fd00::1"])
def test_lets_through_what_is_opened(text: str) -> None:
    assert is_allowed(ip_address(text), allow=ranges(["127.0.0.0/8", "fd00::/16"]))


@pytest.mark.parametrize("text", ["10.0.0.1", "::1", "::127.0.0.1", "fd01::1"])
def test_opens_nothing_else(text: str) -> None:
    assert not is_allowed(ip_address(text), allow=ranges(["127.0.0.0/8", "fd00::/16"]))


def test_reads_ranges_and_single_addresses() -> None:
    read = ranges(["127.0.0.0/8", " ::1 "])

    assert read == (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def test_says_what_a_range_with_host_bits_should_have_been() -> None:
    with pytest.raises(ValueError, match="did you mean") as refusal:
        ranges(["127.0.0.1/8"])

    assert str(refusal.value) == (
        "'127.0.0.1/8' is not a range such as 127.0.0.0/8 or fd00::/8; did you mean 127.0.0.0/8?"
    )
