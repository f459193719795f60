"""When a delivery is tried again, and when it is not."""

from datetime import timedelta

import pytest

from conversations.rules import webhook_retry
from conversations.rules.webhook_retry import Delivered, Failed, TryAgain


def decide(
    http_status: int | None, *, tries: int = 1, retry_after: float | None = None, chance: float = 0.0
) -> Delivered | TryAgain | Failed:
    return webhook_retry.verdict(http_status=http_status, tries=tries, retry_after=retry_after, chance=chance)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_takes_any_2xx_as_delivered(status: int) -> None:
    assert decide(status) == Delivered()
    assert decide(status, tries=9) == Delivered()


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 302, 307, 400, 401, 404, 409, 429, 500, 503, 599])
def test_tries_everything_else_again(status: int | None) -> None:
    assert decide(status) == TryAgain(5.0)


def test_waits_longer_each_time_and_then_gives_up() -> None:
    waits = [decide(500, tries=tries) for tries in range(1, 10)]

    expected = [5, 30, 2 * 60, 10 * 60, 3_600, 3 * 3_600, 8 * 3_600, 24 * 3_600]
    assert waits == [*(TryAgain(float(seconds)) for seconds in expected), Failed()]


def test_never_asks_again_where_it_is_gone() -> None:
    assert decide(410) == Failed(is_gone=True)
    assert decide(410, tries=9) == Failed(is_gone=True)


def test_adds_up_to_a_tenth_by_chance() -> None:
    assert decide(500, chance=0.5) == TryAgain(5.25)
    assert decide(500, tries=8, chance=1.0) == TryAgain(86_400.0 * (1 + 0.1))


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [(0.0, 5.0), (4.0, 5.0), (60.0, 60.0), (86_400.0, 86_400.0), (1e9, 86_400.0)]
)
def test_is_as_patient_as_the_receiver_asks_within_a_day(retry_after: float, seconds: float) -> None:
    assert decide(503, retry_after=retry_after) == TryAgain(seconds)


def test_gives_an_endpoint_five_days() -> None:
    assert webhook_retry.is_hopeless(failing_for=timedelta(days=5))
    assert not webhook_retry.is_hopeless(failing_for=timedelta(days=5) - timedelta(seconds=1))
