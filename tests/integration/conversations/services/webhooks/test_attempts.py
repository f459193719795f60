"""Attempts: who may make one, when the next is due, and what is recorded. The test sets the database's clock."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
import standardwebhooks

from conversations import resources
from conversations.models import Account, Delivery, DeliveryAttempt, WebhookEndpoint
from conversations.outbound import addresses, http
from conversations.rules import webhook_retry
from conversations.services.webhooks import attempts, endpoints, secrets
from conversations.webhooks.sender import Outcome, SendError
from tests import builders
from tests.fakes import database_clock
from tests.fakes import receiver as fake
from tests.fakes.receiver import Receiver
from tests.integration.conversations import inspection

pytestmark = pytest.mark.django_db

Recorded = tuple[int, int | None, str]


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with http.open_client(allow=addresses.ranges(["127.0.0.0/8"]), max_connections=4) as opened:
        yield opened


def state(delivery: Delivery) -> tuple[str, int, int]:
    delivery.refresh_from_db()
    return delivery.status, delivery.attempts_made, delivery.schedule_step


def recorded(delivery: Delivery) -> list[Recorded]:
    return [(one.number, one.http_status, one.error) for one in delivery.attempts.order_by("number")]


def test_a_reader_sees_all_of_an_attempt_that_is_being_recorded_or_nothing(ann: Account) -> None:
    """The list reads the deliveries first and their attempts afterwards."""
    delivery = builders.webhooks.delivery(ann)
    (first,) = builders.webhooks.claim(at := builders.webhooks.now())
    builders.webhooks.fail(first, at)
    (second,) = builders.webhooks.claim(later := at + timedelta(minutes=1))
    delivery.refresh_from_db()
    builders.webhooks.succeed(second, later)

    torn = resources.delivery(delivery)
    delivery.refresh_from_db()
    whole = resources.delivery(delivery)

    assert (torn["status"], torn["finished_at"]) == ("pending", None)
    assert [one["http_status"] for one in torn["attempts"]] == [500]
    assert whole["status"] == "succeeded"
    assert [one["http_status"] for one in whole["attempts"]] == [500, 200]


def test_an_attempt_is_claimed_once_and_recorded(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    at = builders.webhooks.now()

    (claimed,) = builders.webhooks.claim(at)
    assert builders.webhooks.claim(at) == []
    builders.webhooks.succeed(claimed, at + timedelta(seconds=1))

    assert (claimed.public_id, claimed.attempt, claimed.url) == (delivery.public_id, 1, builders.webhooks.NOWHERE)
    assert state(delivery) == ("succeeded", 1, 1)
    assert delivery.finished_at == at + timedelta(seconds=1)
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.number, attempt.http_status, attempt.error, attempt.response) == (1, 200, "", "ok")
    assert attempt.duration_ms == 250
    assert builders.webhooks.claim(at + timedelta(days=30)) == []


def test_the_whole_schedule_is_kept_to_the_second(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    delivery = builders.webhooks.delivery(ann)
    at = builders.webhooks.now()

    waited = []
    for wait in (0, 5, 30, 120, 600, 3_600, 10_800, 28_800, 86_400):
        if wait:
            assert builders.webhooks.claim(at + timedelta(seconds=wait - 0.001)) == []
        at += timedelta(seconds=wait)
        (claimed,) = builders.webhooks.claim(at)
        builders.webhooks.fail(claimed, at)
        waited.append(state(delivery)[0])

    assert waited == ["pending"] * 8 + ["failed"]
    assert recorded(delivery) == [(number, 500, "") for number in range(1, 10)]
    assert builders.webhooks.claim(at + timedelta(days=30)) == []
    assert delivery.finished_at == at


def test_the_receiver_may_ask_for_patience(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    at = builders.webhooks.now()

    (claimed,) = builders.webhooks.claim(at)
    builders.webhooks.fail(claimed, at, status=503, retry_after=900.0)

    delivery.refresh_from_db()
    assert delivery.next_attempt_at == at + timedelta(seconds=900)


def test_id_and_body_stay_while_the_signature_is_new_each_time(ann: Account, client: httpx.Client) -> None:
    with Receiver() as receiver:
        receiver.script(fake.answers(500), fake.closes())
        _, secret = builders.webhooks.endpoint(ann, receiver.url)
        builders.webhooks.record(ann)
        at = builders.webhooks.now()
        for wait in (0, 60, 120):
            moment = at + timedelta(seconds=wait)
            (claimed,) = builders.webhooks.claim(moment)
            builders.webhooks.report(claimed, builders.webhooks.post(client, claimed, moment), moment)

    first, *others = receiver.requests
    assert len(others) == 2
    assert {(one.body, one.headers["webhook-id"]) for one in others} == {(first.body, first.headers["webhook-id"])}
    assert first.headers["webhook-id"] == inspection.last_event(ann).public_id
    assert len({one.headers["webhook-timestamp"] for one in receiver.requests}) == 3
    assert len({one.headers["webhook-signature"] for one in receiver.requests}) == 3
    for one in receiver.requests:
        assert standardwebhooks.Webhook(secret).verify(one.body, dict(one.headers))["type"] == "run.completed"
    assert recorded(Delivery.objects.get()) == [(1, 500, ""), (2, None, "closed_early"), (3, 200, "")]


def test_both_secrets_sign_for_a_day(ann: Account, client: httpx.Client) -> None:
    with Receiver() as receiver:
        endpoint, old = builders.webhooks.endpoint(ann, receiver.url)
        at = builders.webhooks.now()
        database_clock.stop_at(at)
        _, new = endpoints.rotate_secret(account_id=ann.pk, endpoint_id=endpoint.public_id)
        signed_by = []
        for wait in (timedelta(), timedelta(hours=24)):
            builders.webhooks.record(ann)
            (claimed,) = builders.webhooks.claim(at + wait + timedelta(seconds=5))
            builders.webhooks.report(
                claimed, builders.webhooks.post(client, claimed, builders.webhooks.now()), at + wait
            )
            posted = receiver.requests[-1]
            signed_by.append([verifies(secret, posted) for secret in (new, old)])

    assert signed_by == [[True, True], [True, False]]


def verifies(secret: str, posted: fake.Posted) -> bool:
    try:
        standardwebhooks.Webhook(secret).verify(posted.body, dict(posted.headers))
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


def test_a_dead_senders_attempt_is_made_again_under_the_same_id(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    at = builders.webhooks.now()
    (lost,) = builders.webhooks.claim(at)

    assert builders.webhooks.claim(at + timedelta(seconds=59)) == []
    (again,) = builders.webhooks.claim(at + timedelta(seconds=61))
    # The first sender was not dead, only slow.
    builders.webhooks.fail(lost, at + timedelta(seconds=62))
    builders.webhooks.succeed(again, at + timedelta(seconds=63))

    assert (again.attempt, again.webhook_id, again.body) == (2, lost.webhook_id, lost.body)
    assert state(delivery) == ("succeeded", 2, 2)
    assert recorded(delivery) == [(1, None, "interrupted"), (2, 200, "")]
    assert DeliveryAttempt.objects.get(number=1).started_at == at


def test_what_kills_its_sender_with_every_attempt_fails(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    at = builders.webhooks.now()
    claims = [builders.webhooks.claim(at + timedelta(seconds=61 * number)) for number in range(webhook_retry.LAST_STEP)]
    ends = at + timedelta(seconds=61 * webhook_retry.LAST_STEP)

    assert [[one.schedule_step for one in claimed] for claimed in claims] == [
        [1],
        [2],
        [3],
        [4],
        [5],
        [6],
        [7],
        [8],
        [9],
    ]
    assert [builders.webhooks.claim(ends), builders.webhooks.claim(ends)] == [[], []]
    assert state(delivery) == ("failed", 9, 9)
    assert recorded(delivery) == [(number, None, "interrupted") for number in range(1, 10)]


def test_a_stopping_sender_releases_its_attempts(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    at = builders.webhooks.now()
    claimed = builders.webhooks.claim(at)

    attempts.release(deliveries=claimed)
    builders.webhooks.succeed(claimed[0], at)

    assert state(delivery) == ("pending", 1, 0)
    assert recorded(delivery) == [(1, None, "interrupted")]
    (again,) = builders.webhooks.claim(at)
    assert (again.attempt, again.schedule_step) == (2, 1)


def test_a_gone_receiver_is_not_asked_again(ann: Account) -> None:
    endpoint, _ = builders.webhooks.endpoint(ann)
    other, _ = builders.webhooks.endpoint(ann, "http://127.0.0.1:1001/other", event_types=["webhook_endpoint.disabled"])
    builders.webhooks.record(ann)
    builders.webhooks.record(ann)
    at = builders.webhooks.now()

    first, second = builders.webhooks.claim(at)
    builders.webhooks.fail(first, at, status=410)
    builders.webhooks.succeed(second, at)

    endpoint.refresh_from_db()
    assert (endpoint.disabled_at, endpoint.disabled_reason) == (at, "The receiver answered 410 Gone.")
    mine = Delivery.objects.filter(endpoint=endpoint).order_by("pk")
    assert [one.status for one in mine] == ["failed", "cancelled"]
    assert [recorded(one) for one in mine] == [[(1, 410, "")], [(1, 200, "")]]
    (sent,) = builders.webhooks.claim(builders.webhooks.now())
    assert sent.url == other.url
    assert '"type":"webhook_endpoint.disabled"' in sent.body
    assert endpoint.public_id in sent.body
    assert "whsec_" not in sent.body


def test_an_endpoint_that_fails_for_five_days_is_disabled_and_says_so(ann: Account) -> None:
    endpoint, _ = builders.webhooks.endpoint(ann)
    at = builders.webhooks.now() + timedelta(seconds=10)

    for day in range(6):
        builders.webhooks.record(ann)
        moment = at + timedelta(days=day)
        for claimed in builders.webhooks.claim(moment):
            builders.webhooks.fail(claimed, moment)
        endpoint.refresh_from_db()
        assert endpoint.failing_since == at
        assert (endpoint.disabled_at is None) == (day < 5)

    assert endpoint.disabled_reason == "Every attempt failed for 5 days."
    assert not Delivery.objects.filter(endpoint=endpoint, status="pending").exists()
    builders.webhooks.record(ann)
    assert Delivery.objects.filter(endpoint=endpoint).count() == 6


def test_one_success_clears_an_endpoint(ann: Account) -> None:
    endpoint, _ = builders.webhooks.endpoint(ann)
    builders.webhooks.record(ann)
    at = builders.webhooks.now()

    builders.webhooks.fail(builders.webhooks.claim(at)[0], at)
    builders.webhooks.succeed(builders.webhooks.claim(at + timedelta(minutes=1))[0], at + timedelta(minutes=1))

    endpoint.refresh_from_db()
    assert (endpoint.failing_since, endpoint.disabled_at) == (None, None)


def test_callbacks_are_signed_with_the_accounts_own_secret(ann: Account, client: httpx.Client) -> None:
    secret = secrets.callback_secret(account_id=ann.pk)
    run = builders.runs.answered(ann)
    with Receiver() as receiver:
        builders.webhooks.callback(run, receiver.url, body='{"success":true}')
        at = builders.webhooks.now()
        (claimed,) = builders.webhooks.claim(at)
        builders.webhooks.report(claimed, builders.webhooks.post(client, claimed, at), at)

    (posted,) = receiver.requests
    assert standardwebhooks.Webhook(secret).verify(posted.body, dict(posted.headers)) == {"success": True}
    delivery = Delivery.objects.get()
    assert posted.headers["webhook-id"] == delivery.public_id
    assert state(delivery) == ("succeeded", 1, 1)
    assert not WebhookEndpoint.objects.exists()


def test_an_unreachable_receiver_is_recorded_by_its_error(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    at = builders.webhooks.now()

    builders.webhooks.report(builders.webhooks.claim(at)[0], Outcome(seconds=15.0, error=SendError.TIMED_OUT), at)

    assert state(delivery) == ("pending", 1, 1)
    assert recorded(delivery) == [(1, None, "timed_out")]
