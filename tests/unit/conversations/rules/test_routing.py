"""Which target is asked next, and what each failure says about a target."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from conversations.rules import routing
from conversations.rules.routing import FAILURES, Candidate, Fault
from providers import errors

CHI_SQUARE_999 = {1: 10.83, 2: 13.82, 3: 16.27}


def every(kind: type[errors.ProviderError]) -> Iterator[type[errors.ProviderError]]:
    for below in kind.__subclasses__():
        yield below
        yield from every(below)


@pytest.mark.parametrize(
    ("candidates", "chance", "chosen"),
    [
        ([Candidate(1, 1)], 0.999, 0),
        ([Candidate(1, 1), Candidate(1, 3)], 0.2499, 0),
        ([Candidate(1, 1), Candidate(1, 3)], 0.25, 1),
        ([Candidate(1, 1), Candidate(1, 3)], 0.999_999_999, 1),
        ([Candidate(2, 1000), Candidate(1, 1)], 0.0, 1),
        ([Candidate(2, 1000), Candidate(1, 1, 50.0)], 0.999, 0),
        ([Candidate(1, 1, 50.0), Candidate(1, 1), Candidate(2, 1)], 0.0, 1),
        # All are out: the soonest, and of equals the one with the first priority.
        ([Candidate(1, 1, 50.0), Candidate(2, 1, 40.0)], 0.0, 1),
        ([Candidate(2, 1, 50.0), Candidate(1, 1, 50.0)], 0.0, 1),
        ([Candidate(1, 9, 50.0)], 0.0, 0),
    ],
)
def test_chooses(candidates: list[Candidate], chance: float, chosen: int) -> None:
    assert routing.choose(candidates, chance=chance) == chosen


def test_chooses_none_of_none() -> None:
    with pytest.raises(ValueError, match="empty"):
        routing.choose([], chance=0.0)


@pytest.mark.parametrize("weights", [(1, 1), (1, 3), (1, 2, 7), (1000, 1, 500, 499)])
def test_shares_out_by_weight(weights: tuple[int, ...]) -> None:
    """By chi-square, with 999 of 1,000 as the bound; the seed is fixed."""
    draw, draws = random.Random(7).random, 20_000
    candidates = [Candidate(1, weight) for weight in weights]

    found = Counter(routing.choose(candidates, chance=draw()) for _ in range(draws))

    expected = [draws * weight / sum(weights) for weight in weights]
    distance = sum((found[at] - wanted) ** 2 / wanted for at, wanted in enumerate(expected))
    assert distance < CHI_SQUARE_999[len(weights) - 1]


def test_knows_what_every_error_of_a_vendor_is_about() -> None:
    assert set(FAILURES) == set(every(errors.ProviderError))


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (errors.UpstreamUnavailable, Fault.TARGET),
        (errors.UpstreamTimeout, Fault.TARGET),
        (errors.UpstreamUnreachable, Fault.TARGET),
        (errors.UpstreamRateLimited, Fault.RATE),
        (errors.UpstreamAuthFailed, Fault.KEY),
        (errors.ModelNotFound, Fault.MODEL),
        (errors.ContextTooLong, Fault.WINDOW),
        (errors.UpstreamRejected, Fault.REQUEST),
        (errors.ContentRefused, Fault.REQUEST),
    ],
)
def test_tells_faults_apart(kind: type[errors.ProviderError], fault: Fault) -> None:
    assert FAILURES[kind].fault is fault


@pytest.mark.parametrize(
    ("failures", "told"),
    [
        ([errors.UpstreamUnavailable("a")], 0),
        ([errors.UpstreamAuthFailed("a")], 0),
        ([errors.UpstreamUnavailable("a"), errors.UpstreamAuthFailed("b")], 0),
        ([errors.UpstreamUnavailable("a"), errors.ModelNotFound("b"), errors.UpstreamTimeout("c")], 2),
        ([errors.UpstreamAuthFailed("a"), errors.ModelNotFound("b")], 1),
    ],
)
def test_fails_with_what_is_not_the_operators_to_correct(failures: list[errors.ProviderError], told: int) -> None:
    assert routing.telling(failures) is failures[told]


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [(None, 2.0), (0.0, 0.0), (-1.0, 0.0), (7.5, 7.5), (600.0, 600.0), (86_400.0, 600.0)]
)
def test_leaves_a_busy_target_alone_for_as_long_as_it_asks(retry_after: float | None, seconds: float) -> None:
    assert routing.rest_seconds(retry_after) == seconds
