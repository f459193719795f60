"""Lookups by the system's resolver, in threads: a limited number at once, shared among their owners.

A lookup cannot be interrupted. One that nobody waits for any more still holds a thread, and counts as its owner's
until the resolver gives up, which may take half a minute.
"""

import socket
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from ipaddress import ip_address

from conversations.outbound.addresses import Address
from conversations.outbound.errors import OutboundFailed, OutboundTimeout
from conversations.shares import SharedThreads

LOOKUP_SECONDS = 5.0
# In one process.
LOOKUPS_AT_ONCE = 128

# Takes a name and the seconds it may take; returns the addresses. Raises OutboundFailed or OutboundTimeout.
Lookup = Callable[[str, float], Sequence[Address]]

# httpcore passes only the name to its network backend, but it works in the caller's thread.
_owner: ContextVar[Hashable] = ContextVar("lookups_owner", default=None)


@contextmanager
def asked_for(owner: Hashable) -> Iterator[None]:
    """Lookups inside the block count as this owner's, such as an account's."""
    token = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(token)


def not_found() -> OutboundFailed:
    return OutboundFailed("the URL's host cannot be found")


def ask_system(name: str) -> list[Address]:
    """Raises OSError, or ValueError for an invalid name."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [ip_address(address[0]) for _, _, _, _, address in found]


class Lookups:
    """An owner may have as many lookups under way as are still free: so names that hang never use up all of them."""

    def __init__(self, *, at_once: int = LOOKUPS_AT_ONCE, ask: Callable[[str], list[Address]] = ask_system) -> None:
        self._ask = ask
        self._threads = SharedThreads(at_once, name="outbound-lookup")

    def __call__(self, name: str, seconds: float) -> list[Address]:
        """Raises OutboundFailed, or OutboundTimeout after `seconds`, also when no lookup was free until then."""
        give_up_at = time.monotonic() + seconds
        answer = self._threads.begin(_owner.get(), partial(self._ask, name), seconds=seconds)
        if answer is None:
            raise _too_late()
        try:
            return answer.result(timeout=max(0.0, give_up_at - time.monotonic()))
        except TimeoutError:
            raise _too_late() from None
        except (OSError, ValueError) as exc:  # UnicodeError, a ValueError, is raised for an invalid name
            raise not_found() from exc


def _too_late() -> OutboundTimeout:
    return OutboundTimeout("the URL's host could not be looked up in time")


system_lookup = Lookups()
