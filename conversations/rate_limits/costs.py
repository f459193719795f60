"""What a request takes of the limits of its key and account, and what is left of them."""

from dataclasses import dataclass

from conversations.stores import run_places

MINUTE_MICROSECONDS = 60_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request takes: `amount` from a bucket of `per_minute`. 0 per minute means no limit."""

    bucket: str
    amount: int
    per_minute: int

    @property
    def interval(self) -> int:
        """The microseconds in which one comes back."""
        return MINUTE_MICROSECONDS // self.per_minute if self.per_minute else 0

    @property
    def size(self) -> int:
        """The microseconds in which the whole bucket comes back."""
        return self.interval * self.per_minute

    @property
    def microseconds(self) -> int:
        """In which `amount` comes back. More than a bucket holds takes all of it."""
        return min(self.interval * self.amount, self.size)


@dataclass(frozen=True, slots=True)
class RunPlace:
    """The place that a run takes in each of `sets`, which has the key of a set and the most runs that may be in it.

    `facts`: what its end has to know (`run_places.facts`).
    """

    run_id: str
    sets: tuple[tuple[str, int], ...]
    facts: str

    @property
    def facts_key(self) -> str:
        return run_places.facts_key(self.run_id)


@dataclass(frozen=True, slots=True)
class Charge:
    """What one request takes: of all its buckets, or of none; and its place, if there is one left.

    One that `has_happened` is counted, never refused; the next requests wait instead.
    """

    costs: tuple[Cost, ...]
    place: RunPlace | None = None
    has_happened: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a bucket after the request was counted.

    `limit`: per minute. `remaining`: how many could be taken at once. `full_in`: seconds until that is all of them.
    """

    limit: int
    remaining: int
    full_in: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """`left`: of each of the charge's buckets. `retry_in`: in how many seconds they have enough; 0 when they had.

    `is_crowded`: there was no place for the run.
    """

    left: tuple[Left, ...]
    retry_in: float
    is_crowded: bool = False
