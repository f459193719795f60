"""There is one lookup, and each of its addresses is judged."""

from ipaddress import ip_address

import pytest

from conversations.outbound.errors import OutboundFailed, OutboundRefused
from conversations.outbound.resolve import allowed_addresses
from tests.unit.conversations.outbound.answers import PUBLIC, PUBLIC_V6, Resolver


def test_gives_the_answers_in_their_order_without_repeats() -> None:
    resolver = Resolver([PUBLIC_V6, PUBLIC, PUBLIC_V6])

    found = allowed_addresses("example.com", allow=(), lookup=resolver)

    assert found == [ip_address(PUBLIC_V6), ip_address(PUBLIC)]
    assert resolver.asked == ["example.com"]


def test_refuses_a_name_that_has_moved_to_a_private_address() -> None:
    resolver = Resolver([PUBLIC], ["127.0.0.1"])
    allowed_addresses("example.com", allow=(), lookup=resolver)

    with pytest.raises(OutboundRefused) as refused:
        allowed_addresses("example.com", allow=(), lookup=resolver)

    assert refused.value.reason == "address"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f000001", "::1", "::ffff:7f00:1", "localhost", "a.LOCALHOST."]
)
def test_refuses_what_needs_no_lookup(host: str) -> None:
    resolver = Resolver([PUBLIC])

    with pytest.raises(OutboundRefused):
        allowed_addresses(host, allow=(), lookup=resolver)

    assert resolver.asked == []


def test_fails_when_there_is_no_answer() -> None:
    with pytest.raises(OutboundFailed, match="cannot be found"):
        allowed_addresses("example.com", allow=(), lookup=Resolver([]))
