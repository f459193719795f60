"""Addresses that send wrong keys: their next unknown keys are looked at one after the other, with a pause.

Only keys that this process has never known are slowed. Behind one address there may be many customers: a key that is
known is answered from memory, and a right one that is new waits for its turn and is then let through.

Counted in each web process for itself: what is bounded is what guesses take from this process.
"""

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TypeVar

from django.conf import settings

from conversations import errors
from conversations.views.http.bulkhead import Bulkhead

# Somebody who mistypes a key, or has an old one in a few programs, is not slowed.
FREE_PER_MINUTE = 20
WINDOW_SECONDS = 60.0
# After each wrong key of an address that is slowed: it has four guesses a second.
PAUSE_SECONDS = 0.25
QUEUED_PER_ADDRESS = 40
# How long whoever finds the queue full waits for his refusal. When a thousand connections were refused at once they
# came back at once, and customers waited three seconds for the event loop.
REFUSAL_SECONDS = 5.0
# Of all addresses, this part of the process's connections may wait so; those beyond are refused at once. A connection
# that waits here gives way to no other.
REFUSALS_SHARE = 1 / 8
# Beyond this the address that was seen first is forgotten.
ADDRESSES_MAX = 10_000
# A client with one IPv6 address usually has 2 ** 64 of them.
IPV6_PREFIX = 64

Found = TypeVar("Found")


@dataclass(slots=True)
class _Address:
    since: float
    wrong: int = 0
    lane: Bulkhead = field(default_factory=lambda: Bulkhead(max_concurrent=1, max_queued=QUEUED_PER_ADDRESS))


class Guesses:
    """`clock` is in seconds. Belongs to one event loop."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, _Address] = {}
        self._refusals_left = int(_connections() * REFUSALS_SHARE)

    async def look_up(self, address: str, act: Callable[[], Awaitable[Found]]) -> Found:
        """What `act` finds out about a key that is not known. Raises its errors, and ServiceUnavailable.

        Before a look-up nobody knows whether the key is right. So those of an address that guesses wait in a queue of
        its own, in nobody else's way.
        """
        place = network(address)
        seen = self._current(place)
        if seen is None or seen.wrong < FREE_PER_MINUTE:
            return await self._counted(place, act)
        try:
            return await seen.lane.call(lambda: self._slowly(place, act))
        except errors.ServiceUnavailable:
            await self._wait_for_refusal()
            raise

    async def _wait_for_refusal(self) -> None:
        if self._refusals_left <= 0:
            return
        self._refusals_left -= 1
        try:
            await asyncio.sleep(REFUSAL_SECONDS)
        finally:
            self._refusals_left += 1

    async def _slowly(self, place: str, act: Callable[[], Awaitable[Found]]) -> Found:
        try:
            return await self._counted(place, act)
        except errors.InvalidKey:
            await asyncio.sleep(PAUSE_SECONDS)
            raise

    async def _counted(self, place: str, act: Callable[[], Awaitable[Found]]) -> Found:
        try:
            return await act()
        except errors.InvalidKey:
            self._note(place)
            raise

    def _current(self, place: str) -> _Address | None:
        seen = self._seen.get(place)
        if seen is not None and self._clock() - seen.since >= WINDOW_SECONDS:
            del self._seen[place]
            return None
        return seen

    def _note(self, place: str) -> None:
        seen = self._current(place)
        if seen is None:
            if len(self._seen) >= ADDRESSES_MAX:
                del self._seen[next(iter(self._seen))]
            seen = self._seen[place] = _Address(self._clock())
        seen.wrong += 1


def _connections() -> int:
    """The most that this process has; half of its open files are for others."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return settings.MAX_CONNECTIONS if files == resource.RLIM_INFINITY else min(settings.MAX_CONNECTIONS, files // 2)


def network(address: str) -> str:
    """An IPv4 address, an IPv6 network, or the text that a proxy gave instead of an address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((int(parsed), IPV6_PREFIX), strict=False))
    return str(parsed)
