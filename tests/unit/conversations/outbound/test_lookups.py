"""Lookups end when their time is over, and one owner's hanging lookups leave some for the others."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import pytest

from conversations.outbound.addresses import Address
from conversations.outbound.errors import OutboundFailed, OutboundTimeout
from conversations.outbound.lookups import Lookups, asked_for, system_lookup
from tests.unit.conversations.outbound.answers import PUBLIC

FOUND = [ip_address(PUBLIC)]
LONG = 30.0


class SlowResolver:
    """Answers names that begin with "slow" only after it is released."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = threading.Event()

    def __call__(self, name: str) -> list[Address]:
        self.asked += 1
        if name.startswith("slow"):
            self.go.wait(LONG)
        return FOUND


@pytest.fixture
def resolver() -> Iterator[SlowResolver]:
    made = SlowResolver()
    yield made
    made.go.set()


def hang(lookup: Lookups, owner: str, *, times: int) -> None:
    with asked_for(owner):
        for _ in range(times):
            with pytest.raises(OutboundTimeout, match="could not be looked up in time"):
                lookup("slow.example.com", 0.002)


def test_asks_the_system() -> None:
    assert ip_address("127.0.0.1") in system_lookup("localhost", 5.0)


@pytest.mark.parametrize("name", ["a" * 64 + ".com", "a..b", "a\0b"])
def test_fails_on_what_is_no_name_at_all(name: str) -> None:
    with pytest.raises(OutboundFailed, match="cannot be found"):
        system_lookup(name, 5.0)


def test_names_that_hang_take_half_of_the_threads_at_most(resolver: SlowResolver) -> None:
    lookup = Lookups(at_once=8, ask=resolver)

    hang(lookup, "ann", times=60)

    assert resolver.asked == 4
    with asked_for("bob"):
        assert lookup("quick.example.com", LONG) == FOUND


def test_however_many_owners_hang_there_are_no_more_lookups_than_threads(resolver: SlowResolver) -> None:
    lookup = Lookups(at_once=8, ask=resolver)

    for number in range(20):
        hang(lookup, f"owner {number}", times=10)

    assert resolver.asked == 8


def test_whoever_waits_goes_on_when_the_resolver_is_done_with_the_others(resolver: SlowResolver) -> None:
    lookup = Lookups(at_once=2, ask=resolver)
    hang(lookup, "ann", times=2)

    with ThreadPoolExecutor(1) as waiting, asked_for("ann"):
        later = waiting.submit(lookup, "quick.example.com", LONG)
        resolver.go.set()

        assert later.result(LONG) == FOUND
