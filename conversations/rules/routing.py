"""Which target of a model is asked next, and what a failed call says about the target. Pure.

The numbers of the breaker are here too; what they decide is decided in Redis, for all processes at once
(`routing/scripts.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from providers import errors

# Of one model call. Far more than an installation has vendors for a model; each may take a read timeout.
MAX_TARGETS = 5

# A breaker counts the calls of this window and of the one before it.
WINDOW_SECONDS = 15.0
# It opens when so many calls failed, and this share of all calls.
MIN_FAILURES = 3
FAILED_SHARE = 0.5
# How long it stays open before one call may try the target again; twice as long after each probe that fails.
OPEN_SECONDS = 10.0
MAX_OPEN_SECONDS = 300.0
# A 429 may say when to come back. No vendor knows that it is busy for longer.
REST_SECONDS = 2.0
MAX_REST_SECONDS = 600.0
# A key that the vendor refused, a model that it does not have for that key, or a region that it does not serve:
# somebody has to correct it.
REFUSED_SECONDS = 300.0
# The reason of a target that was not asked, because it took as many calls as it may for as long as a run waits.
FULL = "full"
# How long a call waits for a place while every target that may be asked has none left. Most answers take less.
PLACE_SECONDS = 60.0
# Taken out by hand: as long as somebody may forget about it.
BY_HAND_SECONDS = 3600.0


class Fault(StrEnum):
    """What a failed call was about, and so what follows.

    `request`: it would fail anywhere, so no other target is asked. `window`: only targets with a larger context window
    are. With all others any other target is asked, and: `target` counts towards its breaker, `rate` leaves the target
    alone for a while, `key`, `model` and `region` for minutes, `chance` changes nothing.
    """

    REQUEST = "request"
    WINDOW = "window"
    TARGET = "target"
    RATE = "rate"
    KEY = "key"
    MODEL = "model"
    REGION = "region"
    CHANCE = "chance"


@dataclass(frozen=True, slots=True)
class Failure:
    """`reason` is the word for it in a run's moves, in the admin and in `/api/v1/upstreams`."""

    fault: Fault
    reason: str


FAILURES: dict[type[errors.ProviderError], Failure] = {
    errors.UpstreamUnreachable: Failure(Fault.TARGET, "unreachable"),
    errors.UpstreamUnavailable: Failure(Fault.TARGET, "unavailable"),
    errors.UpstreamRateLimited: Failure(Fault.RATE, "rate_limited"),
    errors.UpstreamCut: Failure(Fault.TARGET, "cut"),
    # A prompt may be the cause, and asking again helps often.
    errors.UpstreamEmpty: Failure(Fault.CHANCE, "empty"),
    errors.UpstreamTimeout: Failure(Fault.TARGET, "timed_out"),
    errors.UpstreamGarbled: Failure(Fault.TARGET, "garbled"),
    errors.AnswerTooLong: Failure(Fault.REQUEST, "answer_too_long"),
    errors.UpstreamAuthFailed: Failure(Fault.KEY, "key_refused"),
    errors.UpstreamRejected: Failure(Fault.REQUEST, "rejected"),
    errors.ContextTooLong: Failure(Fault.WINDOW, "context_too_long"),
    errors.RequestTooLarge: Failure(Fault.REQUEST, "request_too_large"),
    errors.ModelNotFound: Failure(Fault.MODEL, "model_not_found"),
    # What one vendor's moderation refuses is not offered to the next.
    errors.ContentRefused: Failure(Fault.REQUEST, "content_refused"),
    errors.UpstreamForbidden: Failure(Fault.REQUEST, "forbidden"),
    # Where we ask from, not what we ask.
    errors.RegionRefused: Failure(Fault.REGION, "region_refused"),
    errors.CallAborted: Failure(Fault.REQUEST, "aborted"),
}
# What only the operator can correct. When every target failed, the caller learns of another failure if there was one.
OPERATORS_FAULTS = frozenset({Fault.KEY, Fault.MODEL, Fault.REGION})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target that may be asked. Those with the lowest `priority` come first.

    `out_until` is when it may be asked again, in seconds of any clock; None when it may be asked now.
    """

    priority: int
    weight: int
    out_until: float | None = None


def choose(candidates: Sequence[Candidate], *, chance: float) -> int:
    """The position of the one to ask, by weight within the first priority that has any. `chance`: from 0 to below 1.

    When all are out it is the one that is soonest back. Raises ValueError when there are none.
    """
    present = [at for at, candidate in enumerate(candidates) if candidate.out_until is None]
    if not present:
        return min(range(len(candidates)), key=lambda at: (candidates[at].out_until or 0.0, candidates[at].priority))
    first = min(candidates[at].priority for at in present)
    group = [at for at in present if candidates[at].priority == first]
    point = chance * sum(candidates[at].weight for at in group)
    for at in group:
        point -= candidates[at].weight
        if point < 0:
            return at
    # A sum of large weights may be rounded up to the end.
    return group[-1]


def telling(failures: Sequence[errors.ProviderError]) -> errors.ProviderError:
    """Of the errors of all targets, the one that the run fails with: the last that is not the operator's to correct."""
    others = [error for error in failures if FAILURES[type(error)].fault not in OPERATORS_FAULTS]
    return (others or failures)[-1]


def rest_seconds(retry_after: float | None) -> float:
    """How long a target is left alone after a 429."""
    return REST_SECONDS if retry_after is None else min(max(retry_after, 0.0), MAX_REST_SECONDS)
