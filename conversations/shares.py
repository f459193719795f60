"""A limited number of places or threads, shared among owners such as accounts: nobody ever holds all of them."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")


# Whether somebody still waits for what a place is for: asked so often while it is waited for.
Wanted = Callable[[], bool]
LOOK_SECONDS = 0.25


def always() -> bool:
    return True


def begin_thread(work: Callable[..., object], *args: Any, name: str) -> bool:
    """A daemon that does the work. False when the system allows no more threads."""
    try:
        threading.Thread(target=work, args=args, name=name, daemon=True).start()
    except RuntimeError:
        return False
    return True


class Shares:
    """An owner may hold as many places as are still free: one alone has half of them, and a newcomer always some.

    ADR 19 has the same for deliveries.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self.under_way: Counter[Hashable] = Counter()
        self._changed = threading.Condition()

    def begin(self, owner: Hashable, *, seconds: float, is_wanted: Wanted = always) -> bool:
        """Takes a place, which `end` gives back, from any thread.

        False when none became free within `seconds`, or as long as somebody wanted it.
        """
        ends_at = time.monotonic() + seconds
        with self._changed:
            while not self._has_place(owner):
                left = ends_at - time.monotonic()
                if left <= 0 or not is_wanted():
                    return False
                self._changed.wait(left if is_wanted is always else min(left, LOOK_SECONDS))
            self.under_way[owner] += 1
        return True

    def end(self, owner: Hashable) -> None:
        with self._changed:
            self.under_way[owner] -= 1
            if not self.under_way[owner]:
                del self.under_way[owner]
            self._changed.notify_all()

    def _has_place(self, owner: Hashable) -> bool:
        return self.under_way[owner] < self._at_once - self.under_way.total()


class SharedThreads:
    """Threads for work that nothing can interrupt. They are daemons, so that none keeps a process from stopping.

    Work that nobody waits for any more still has its place, until it ends by itself.
    """

    def __init__(self, at_once: int, *, name: str) -> None:
        self._name = name
        self._shares = Shares(at_once)

    def begin(self, owner: Hashable, work: Callable[[], Result], *, seconds: float = 0) -> "Future[Result] | None":
        """None when no place became free within `seconds`, or the system allows no more threads."""
        if not self._shares.begin(owner, seconds=seconds):
            return None
        future: Future[Result] = Future()
        if not begin_thread(self._run, owner, work, future, name=self._name):
            self._shares.end(owner)
            return None
        return future

    def _run(self, owner: Hashable, work: Callable[[], Result], future: "Future[Result]") -> None:
        """The place is free before the future is done, so that whoever waits for it finds it so."""
        try:
            result = work()
        except BaseException as exc:  # noqa: BLE001 — whoever waits for it gets it
            self._shares.end(owner)
            future.set_exception(exc)
        else:
            self._shares.end(owner)
            future.set_result(result)
