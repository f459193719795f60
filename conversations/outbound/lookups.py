"""Lookups by the system's resolver, in threads: a limited number at once, shared among their owners.

A lookup cannot be interrupted. One that nobody waits for any more still holds a thread, and counts as its owner's
until the resolver gives up, which may take half a minute.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from ipaddress import ip_address

from conversations.outbound.addresses import Address
from conversations.outbound.errors import OutboundFailed, OutboundTimeout

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
        self._at_once = at_once
        self._ask = ask
        self.under_way: Counter[Hashable] = Counter()
        self._changed = threading.Condition()

    def __call__(self, name: str, seconds: float) -> list[Address]:
        """Raises OutboundFailed, or OutboundTimeout after `seconds`, also when no lookup was free until then."""
        give_up_at = time.monotonic() + seconds
        owner = _owner.get()
        self._begin(owner, seconds)
        answer: Future[list[Address]] = Future()
        thread = threading.Thread(target=self._work, args=(name, owner, answer), name="outbound-lookup", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system allows no more threads
            self._end(owner)
            raise
        try:
            return answer.result(timeout=max(0.0, give_up_at - time.monotonic()))
        except TimeoutError:
            raise _too_late() from None
        except (OSError, ValueError) as exc:  # UnicodeError, a ValueError, is raised for an invalid name
            raise not_found() from exc

    def _begin(self, owner: Hashable, seconds: float) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_capacity(owner), timeout=seconds):
                raise _too_late()
            self.under_way[owner] += 1

    def _has_capacity(self, owner: Hashable) -> bool:
        return self.under_way[owner] < self._at_once - self.under_way.total()

    def _end(self, owner: Hashable) -> None:
        with self._changed:
            self.under_way[owner] -= 1
            self.under_way += Counter()  # drops owners that have none
            self._changed.notify_all()

    def _work(self, name: str, owner: Hashable, answer: Future[list[Address]]) -> None:
        try:
            set_answer = partial(answer.set_result, self._ask(name))
        except (OSError, ValueError) as exc:
            set_answer = partial(answer.set_exception, exc)
        finally:
            self._end(owner)
        set_answer()


def _too_late() -> OutboundTimeout:
    return OutboundTimeout("the URL's host could not be looked up in time")


system_lookup = Lookups()
