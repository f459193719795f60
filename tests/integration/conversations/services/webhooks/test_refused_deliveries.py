"""A delivery that cannot be claimed, attempted or recorded: what becomes of it, and that it delays no other."""

import pytest
from django.db import DataError, connection

from conversations.models import Account, Delivery, DeliveryAttempt
from conversations.services.webhooks import attempts
from conversations.webhooks.sender import Outcome
from conversations.workers.deliveries import DeliveryProcess
from tests import builders
from tests.fakes.receiver import Receiver
from tests.fakes.refused_rows import refusing
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def run_sql(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def state(delivery: Delivery) -> tuple[str, int, bool]:
    delivery.refresh_from_db()
    return delivery.status, delivery.attempts_made, delivery.claimed_until is not None


def test_one_that_cannot_be_claimed_is_given_up_and_the_others_are_claimed(ann: Account) -> None:
    for port in (7, 8, 9):
        builders.webhooks.endpoint(ann, f"http://127.0.0.1:{port}/hook")
    builders.webhooks.record(ann)
    bad, *good = Delivery.objects.order_by("pk")

    when = f"NEW.id = {bad.pk} AND NEW.claimed_until IS NOT NULL"
    with refusing(run_sql, "delivery", "UPDATE", when=when):
        claimed = builders.webhooks.claim()

    assert sorted(one.pk for one in claimed) == sorted(one.pk for one in good)
    assert state(bad) == ("failed", 0, False)
    assert [state(one) for one in good] == [("pending", 1, True)] * 2


def test_one_that_cannot_even_be_given_up_delays_no_other(ann: Account) -> None:
    with Receiver() as receiver:
        made, _ = builders.webhooks.endpoint(ann, receiver.url)
        for _ in range(5):
            builders.webhooks.record(ann)
        bad, *good = Delivery.objects.filter(endpoint=made).order_by("pk")
        process = DeliveryProcess()

        with refusing(run_sql, "delivery", "UPDATE", when=f"NEW.id = {bad.pk}"):
            process.fill()
            eventually(lambda: [state(one)[0] for one in good], lambda seen: set(seen) == {"succeeded"})
            process.drain(seconds=30.0)
            process.stop()

    assert len(receiver.requests) == len(good)
    assert state(bad) == ("pending", 0, False)


def test_an_outcome_that_cannot_be_stored_is_stored_without_the_response(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    at = builders.webhooks.now()
    (claimed,) = builders.webhooks.claim()
    outcome = Outcome(seconds=0.25, http_status=500, excerpt="no\0")

    with pytest.raises(DataError):
        attempts.record(delivery=claimed, outcome=outcome)
    attempts.record_minimal(delivery=claimed, outcome=outcome)

    assert state(delivery) == ("pending", 1, False)
    assert delivery.next_attempt_at > at
    assert list(DeliveryAttempt.objects.values_list("http_status", "error", "response")) == [(500, "", "")]


def test_an_attempt_that_breaks_is_one_that_failed(ann: Account) -> None:
    """Otherwise it would be repeated each minute, for ever."""
    with Receiver() as receiver:
        for _ in range(2):
            builders.webhooks.endpoint(ann, receiver.url)
        builders.webhooks.record(ann)
        broken, sound = Delivery.objects.order_by("pk")
        # Our own checks would refuse such a URL.
        Delivery.objects.filter(pk=broken.pk).update(url="http://[")
        process = DeliveryProcess()
        process.fill()
        eventually(lambda: state(sound)[0], lambda status: status == "succeeded")
        eventually(lambda: state(broken), lambda seen: seen == ("pending", 1, False))
        process.drain(seconds=30.0)
        process.stop()

    (attempt,) = DeliveryAttempt.objects.filter(delivery=broken)
    assert attempt.http_status is None
    assert attempt.error != ""
