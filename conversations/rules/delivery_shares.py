"""Which account may begin how many attempts to deliver. Pure.

One rule, for all threads and again for those that unproven receivers may hold: an account may have as many attempts
under way as places are still free. Alone it gets half of them, beside another busy one a third, beside n others one
part in n + 2; and as much stays free for whoever comes next, who never has to wait for those that hang.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """A delivery that is due. `is_proven`: its receiver has answered this account promptly."""

    pk: int
    account_id: int
    receiver: str
    is_proven: bool


class Load:
    """The attempts under way. `places`: how many there may be; `unproven_places`: how many to unproven receivers."""

    def __init__(self, *, places: int, unproven_places: int, under_way: Iterable[tuple[int, bool]] = ()) -> None:
        """`under_way`: of each attempt the account, and whether its receiver is proven."""
        self._places = places
        self._unproven_places = unproven_places
        self._all: Counter[int] = Counter()
        self._unproven: Counter[int] = Counter()
        for account_id, is_proven in under_way:
            self.begin(account_id, is_proven=is_proven)

    @property
    def free(self) -> int:
        return self._places - self._all.total()

    def begin(self, account_id: int, *, is_proven: bool) -> None:
        self._all[account_id] += 1
        self._unproven[account_id] += not is_proven

    def room(self, account_id: int, *, is_proven: bool) -> int:
        """How many more the account may begin now, were nobody else to begin any."""
        room = _room(self.free, self._all[account_id])
        if is_proven:
            return room
        return min(room, _room(self._unproven_places - self._unproven.total(), self._unproven[account_id]))

    def full_accounts(self) -> list[int]:
        return [account_id for account_id in self._all if not self.room(account_id, is_proven=True)]


def _room(free: int, mine: int) -> int:
    """Each one begun takes a free place and adds to mine: they meet in the middle."""
    return max(0, (free - mine + 1) // 2)


def pick(candidates: Sequence[Candidate], *, load: Load) -> list[Candidate]:
    """What to begin: one of each account, then another of each, as far as `load` has room; it counts them.

    Accounts, and the deliveries of each, come in the order of `candidates`.
    """
    lines: dict[int, deque[Candidate]] = {}
    for candidate in candidates:
        lines.setdefault(candidate.account_id, deque()).append(candidate)
    picked: list[Candidate] = []
    while lines:
        for account_id, line in list(lines.items()):
            if (found := _next(line, load)) is None:
                del lines[account_id]
            else:
                load.begin(account_id, is_proven=found.is_proven)
                picked.append(found)
    return picked


def _next(line: deque[Candidate], load: Load) -> Candidate | None:
    """Room never grows while picking, so that what is passed by once need not be looked at again."""
    while line:
        candidate = line.popleft()
        if load.room(candidate.account_id, is_proven=candidate.is_proven):
            return candidate
    return None
