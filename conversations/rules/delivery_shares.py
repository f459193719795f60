"""How many delivery attempts each account may begin. Pure.

One rule holds for all threads, and again for the threads that destinations in slow start may use: an account may have
as many attempts in flight as there are free threads. One busy account gets half of them, two get a third each, n get
one part in n + 1 each. The same number stays free for the next account, which therefore never waits for attempts that
hang (ADR 19).
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """A due delivery. `is_slow_start`: its destination has not yet answered this account promptly."""

    pk: int
    account_id: int
    destination: str
    is_slow_start: bool


class Load:
    """The attempts in flight, counted by account."""

    def __init__(self, *, capacity: int, slow_start_capacity: int, in_flight: Iterable[tuple[int, bool]] = ()) -> None:
        """`capacity` is the largest number of attempts, `slow_start_capacity` of those to destinations in slow start.

        `in_flight` holds, for each attempt, its account and whether its destination is in slow start.
        """
        self._capacity = capacity
        self._slow_start_capacity = slow_start_capacity
        self._all: Counter[int] = Counter()
        self._slow_start: Counter[int] = Counter()
        for account_id, is_slow_start in in_flight:
            self.begin(account_id, is_slow_start=is_slow_start)

    @property
    def free(self) -> int:
        return self._capacity - self._all.total()

    def begin(self, account_id: int, *, is_slow_start: bool) -> None:
        self._all[account_id] += 1
        self._slow_start[account_id] += is_slow_start

    def available(self, account_id: int, *, is_slow_start: bool) -> int:
        """How many more attempts the account may begin now, if no other account begins any."""
        available = _share(self.free, self._all[account_id])
        if not is_slow_start:
            return available
        free = self._slow_start_capacity - self._slow_start.total()
        return min(available, _share(free, self._slow_start[account_id]))

    def full_accounts(self) -> list[int]:
        """Accounts that may begin no further attempt."""
        return [account_id for account_id in self._all if not self.available(account_id, is_slow_start=False)]


def _share(free: int, own: int) -> int:
    """Every attempt that begins takes one of `free` and adds one to `own`, until both are equal."""
    return max(0, (free - own + 1) // 2)


def pick(candidates: Sequence[Candidate], *, load: Load) -> list[Candidate]:
    """What to begin: one of each account, then another of each, as far as `load` allows. Adds them to `load`.

    Accounts, and the deliveries of each, are taken in the order of `candidates`.
    """
    queues: dict[int, deque[Candidate]] = {}
    for candidate in candidates:
        queues.setdefault(candidate.account_id, deque()).append(candidate)
    picked: list[Candidate] = []
    while queues:
        for account_id, queue in list(queues.items()):
            if (found := _next(queue, load)) is None:
                del queues[account_id]
            else:
                load.begin(account_id, is_slow_start=found.is_slow_start)
                picked.append(found)
    return picked


def _next(queue: deque[Candidate], load: Load) -> Candidate | None:
    """Availability never grows during a pick, so a candidate that was skipped need not be checked again."""
    while queue:
        candidate = queue.popleft()
        if load.available(candidate.account_id, is_slow_start=candidate.is_slow_start):
            return candidate
    return None
