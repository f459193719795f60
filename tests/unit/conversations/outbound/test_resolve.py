"""One lookup, every answer judged, and never longer than asked for."""

import socket
import threading
from ipaddress import ip_address
from typing import Any

import pytest

from conversations.outbound.errors import OutboundFailed, OutboundRefused, OutboundTimeout
from conversations.outbound.resolve import LOOKUPS_AT_ONCE, allowed_addresses, system_lookup
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


def test_asks_the_system() -> None:
    assert ip_address("127.0.0.1") in system_lookup("localhost", 5.0)


@pytest.mark.parametrize("name", ["a" * 64 + ".com", "a..b", "a\0b"])
def test_fails_on_what_is_no_name_at_all(name: str) -> None:
    with pytest.raises(OutboundFailed, match="cannot be found"):
        system_lookup(name, 5.0)


def test_waits_no_longer_than_asked_and_for_no_more_lookups_than_there_are_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No resolver here can be made slow, so this one seam is patched."""
    answered = threading.Event()
    asked: list[str] = []

    def slow(name: str, *_args: Any, **_options: Any) -> list[Any]:
        asked.append(name)
        answered.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    try:
        for index in range(LOOKUPS_AT_ONCE + 1):
            with pytest.raises(OutboundTimeout):
                system_lookup(f"{index}.example.com", 0.002)
    finally:
        answered.set()

    assert len(asked) <= LOOKUPS_AT_ONCE
    assert system_lookup("again.example.com", 5.0) == []
