"""When a delivery is retried, and when it is not."""

from datetime import timedelta

import pytest

from conversations.rules import webhook_retry
from conversations.rules.webhook_retry import Decision, Delivered, Failed, Retry


def decide(
    http_status: int | None, *, step: int = 1, retry_after: float | None = None, jitter: float = 0.0
) -> Decision:
    return webhook_retry.decide(http_status=http_status, schedule_step=step, retry_after=retry_after, jitter=jitter)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_takes_any_2xx_as_delivered(status: int) -> None:
    assert decide(status) == Delivered()
    assert decide(status, step=9) == Delivered()


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 302, 307, 400, 401, 404, 409, 429, 500, 503, 599])
def test_retries_everything_else(status: int | None) -> None:
    assert decide(status) == Retry(5.0)


def test_waits_longer_each_time_and_then_gives_up() -> None:
    waits = [decide(500, step=step) for step in range(1, 10)]

    expected = [5, 30, 2 * 60, 10 * 60, 3_600, 3 * 3_600, 8 * 3_600, 24 * 3_600]
    assert waits == [*(Retry(float(seconds)) for seconds in expected), Failed()]


def test_never_retries_where_it_is_gone() -> None:
    assert decide(410) == Failed(is_gone=True)
    assert decide(410, step=9) == Failed(is_gone=True)


def test_adds_up_to_a_tenth_by_chance() -> None:
    assert decide(500, jitter=0.5) == Retry(5.25)
    assert decide(500, step=8, jitter=1.0) == Retry(86_400.0 * (1 + 0.1))


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [(0.0, 5.0), (4.0, 5.0), (60.0, 60.0), (86_400.0, 86_400.0), (1e9, 86_400.0)]
)
def test_is_as_patient_as_the_receiver_asks_within_a_day(retry_after: float, seconds: float) -> None:
    assert decide(503, retry_after=retry_after) == Retry(seconds)


def test_gives_an_endpoint_five_days() -> None:
    assert webhook_retry.must_disable(failing_for=timedelta(days=5))
    assert not webhook_retry.must_disable(failing_for=timedelta(days=5) - timedelta(seconds=1))
