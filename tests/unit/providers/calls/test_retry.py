import pytest

from providers import errors
from providers.calls import retry


@pytest.mark.parametrize(
    ("kind", "retries_made", "elapsed", "chance", "expected"),
    [
        (errors.UpstreamUnreachable, 0, 0.0, 0.0, 0.4),
        (errors.UpstreamUnreachable, 0, 0.0, 1.0, 0.2),
        (errors.UpstreamUnreachable, 1, 0.0, 0.0, 0.8),
        (errors.UpstreamUnreachable, 2, 0.0, 0.0, None),
        (errors.UpstreamUnavailable, 0, 0.0, 0.0, 0.4),
        (errors.UpstreamCut, 0, 0.0, 0.0, 0.4),
        (errors.UpstreamRateLimited, 0, 0.0, 0.0, 1.0),
        (errors.UpstreamRateLimited, 1, 0.0, 0.5, 1.5),
        (errors.UpstreamUnavailable, 0, 19.6, 0.0, 0.4),
        (errors.UpstreamUnavailable, 0, 19.7, 0.0, None),
        (errors.UpstreamTimeout, 0, 0.0, 0.0, None),
        (errors.UpstreamGarbled, 0, 0.0, 0.0, None),
        (errors.UpstreamAuthFailed, 0, 0.0, 0.0, None),
        (errors.UpstreamRejected, 0, 0.0, 0.0, None),
        (errors.ContextTooLong, 0, 0.0, 0.0, None),
        (errors.CallAborted, 0, 0.0, 0.0, None),
    ],
)
def test_decides_whether_and_when_to_try_again(
    kind: type[errors.ProviderError], retries_made: int, elapsed: float, chance: float, expected: float | None
) -> None:
    delay = retry.delay_before_retry(error=kind("x"), retries_made=retries_made, elapsed_seconds=elapsed, chance=chance)

    assert delay == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("retry_after", "elapsed", "expected"),
    [(0.0, 0.0, 0.0), (7.0, 0.0, 7.0), (20.0, 0.0, 20.0), (19.0, 1.5, None), (60.0, 0.0, None)],
)
def test_waits_exactly_as_long_as_the_vendor_asks_or_gives_up(
    retry_after: float, elapsed: float, expected: float | None
) -> None:
    error = errors.UpstreamRateLimited("x", retry_after=retry_after)

    assert retry.delay_before_retry(error=error, retries_made=0, elapsed_seconds=elapsed, chance=0.5) == expected
