"""Deliveries: replayed by their owner, found by many filters."""

from datetime import timedelta

import pytest

from conversations import errors, resources
from conversations.models import Account, Delivery, Event, WebhookEndpoint
from conversations.queries.webhooks import deliveries as delivery_queries
from conversations.queries.webhooks.deliveries import DeliveryFilter
from conversations.services.erasures import tombstones
from conversations.services.erasures.advance import advance
from conversations.services.webhooks import deliveries, endpoints
from conversations.services.webhooks.endpoints import EndpointChange
from conversations.webhooks.payloads import EventType
from tests import builders
from tests.builders.factories import AccountFactory
from tests.fakes import database_clock
from tests.integration.conversations import inspection

pytestmark = pytest.mark.django_db


def found(owner: Account, *, cursor: str | None = None, limit: int = 10, **filters: str) -> list[str]:
    page = delivery_queries.page(
        account_id=owner.pk,
        filters=DeliveryFilter(**filters),  # type: ignore[arg-type] # checked by what it finds
        cursor=cursor,
        limit=limit,
    )
    return [delivery.public_id for delivery in page.rows]


def test_a_replay_is_one_more_attempt_under_the_old_id(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    at = builders.webhooks.now()
    (first,) = builders.webhooks.claim(at)
    builders.webhooks.succeed(first, at)

    deliveries.replay(account_id=ann.pk, delivery_id=delivery.public_id)
    (again,) = builders.webhooks.claim(at)
    builders.webhooks.fail(again, at)

    assert (again.attempt, again.schedule_step, again.webhook_id, again.body) == (2, 1, first.webhook_id, first.body)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.finished_at) == ("pending", None)
    assert [one.number for one in delivery.attempts.order_by("number")] == [1, 2]


def test_a_replay_does_not_disturb_an_attempt_under_way(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    at = builders.webhooks.now()
    (claimed,) = builders.webhooks.claim(at)

    deliveries.replay(account_id=ann.pk, delivery_id=delivery.public_id)

    assert builders.webhooks.claim(at) == []
    builders.webhooks.succeed(claimed, at)
    delivery.refresh_from_db()
    assert delivery.status == "succeeded"


def test_a_replay_asked_for_twice_is_one_attempt(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    at = builders.webhooks.now()
    builders.webhooks.succeed(builders.webhooks.claim(at)[0], at)
    deliveries.replay(account_id=ann.pk, delivery_id=delivery.public_id)
    first = Delivery.objects.get()

    for second in range(1, 200):
        database_clock.stop_at(at + timedelta(seconds=second))
        deliveries.replay(account_id=ann.pk, delivery_id=delivery.public_id)

    delivery.refresh_from_db()
    assert delivery.next_attempt_at == first.next_attempt_at
    assert len(builders.webhooks.claim(at + timedelta(hours=1))) == 1
    assert builders.webhooks.claim(at + timedelta(hours=1)) == []


def test_a_replay_brings_a_retry_forward_and_its_schedule_to_the_beginning(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    at = builders.webhooks.now()
    builders.webhooks.fail(builders.webhooks.claim(at)[0], at)
    assert builders.webhooks.claim(at) == []

    deliveries.replay(account_id=ann.pk, delivery_id=delivery.public_id)

    (again,) = builders.webhooks.claim(at)
    assert (again.attempt, again.schedule_step) == (2, 1)


def test_a_delivery_is_not_replayed_without_end(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    at = builders.webhooks.now()
    builders.webhooks.succeed(builders.webhooks.claim(at)[0], at)
    Delivery.objects.update(attempts_made=deliveries.REPLAY_MAX_ATTEMPTS)

    with pytest.raises(errors.InvalidRequest, match="attempted 100 times"):
        deliveries.replay(account_id=ann.pk, delivery_id=delivery.public_id)

    delivery.refresh_from_db()
    assert delivery.status == "succeeded"


def test_a_replay_needs_an_enabled_endpoint_and_a_body(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    endpoint = WebhookEndpoint.objects.get()
    off, on = EndpointChange(is_enabled=False), EndpointChange(is_enabled=True)

    def replay(owner: Account) -> None:
        deliveries.replay(account_id=owner.pk, delivery_id=delivery.public_id)

    with pytest.raises(errors.NotFound):
        replay(AccountFactory.create(name="bob"))
    endpoints.change(account_id=ann.pk, endpoint_id=endpoint.public_id, change=off)
    with pytest.raises(errors.InvalidRequest, match="disabled"):
        replay(ann)
    endpoints.change(account_id=ann.pk, endpoint_id=endpoint.public_id, change=on)
    Event.objects.update(payload=None)
    with pytest.raises(errors.InvalidRequest, match="no longer kept"):
        replay(ann)

    delivery.refresh_from_db()
    assert delivery.status == "cancelled"


@pytest.mark.parametrize("kind", ["endpoint", "callback"])
def test_nothing_of_a_deleted_conversation_is_sent_any_more(ann: Account, kind: str) -> None:
    """Also before anything of it is erased: what has been sent is not replayed, and what waits is not sent."""
    run = builders.runs.answered(ann)
    conversation = inspection.conversation(ann).pk
    if kind == "endpoint":
        builders.webhooks.endpoint(ann)
        builders.webhooks.record(ann, EventType.CONVERSATION_CREATED, conversation_id=conversation)
        builders.webhooks.record(ann, EventType.RUN_COMPLETED, conversation_id=conversation, run_id=run.pk)
    else:
        builders.webhooks.callback(run)
        builders.webhooks.callback(run)
    at = builders.webhooks.now()
    sent, waiting = builders.webhooks.claim(at)
    builders.webhooks.succeed(sent, at)
    builders.webhooks.fail(waiting, at)

    tombstones.bury_conversation(conversation_id=conversation, requested_by="a test")
    with pytest.raises(errors.InvalidRequest, match="conversation was deleted"):
        deliveries.replay(account_id=ann.pk, delivery_id=sent.public_id)

    assert builders.webhooks.claim(at + timedelta(days=1)) == []
    ended = Delivery.objects.order_by("pk").values_list("kind", "status", "attempts_made", "finished_at")
    assert list(ended) == [(kind, "succeeded", 1, at), (kind, "cancelled", 1, at + timedelta(days=1))]


def test_a_sender_that_died_with_a_delivery_of_a_deleted_conversation_is_recorded(ann: Account) -> None:
    """What it sent may have arrived."""
    builders.webhooks.callback(builders.runs.answered(ann))
    at = builders.webhooks.now()
    assert builders.webhooks.claim(at)

    tombstones.bury_conversation(conversation_id=inspection.conversation(ann).pk, requested_by="a test")

    assert builders.webhooks.claim(at + timedelta(hours=1)) == []
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.claimed_until) == ("cancelled", None)
    assert [(made.number, made.error) for made in delivery.attempts.all()] == [(1, "interrupted")]


def test_a_callback_of_a_deleted_conversation_tells_its_server_alone(ann: Account) -> None:
    """Its caller made the URL: it may hold names and keys."""
    builders.webhooks.callback(builders.runs.answered(ann), "https://A.example/hook/visitor-7?key=k")
    builders.webhooks.callback(builders.runs.answered(ann, conversation_id="other"), "https://a.example/kept")
    endpoint, _ = builders.webhooks.endpoint(ann, "https://a.example/own")
    conversation = inspection.conversation(ann).pk
    builders.webhooks.record(ann, conversation_id=conversation)

    tombstones.bury_conversation(conversation_id=conversation, requested_by="a test")
    shown = [
        resources.delivery(deliveries_of(ann, public_id))["url"]
        for public_id in Delivery.objects.order_by("pk").values_list("public_id", flat=True)
    ]
    while advance():
        pass

    kept = ["https://a.example:443", "https://a.example/kept", endpoint.url]
    assert shown == kept
    assert list(Delivery.objects.order_by("pk").values_list("url", flat=True)) == kept


def deliveries_of(owner: Account, public_id: str) -> Delivery:
    return delivery_queries.for_account(account_id=owner.pk, delivery_id=public_id)


def bodies() -> tuple[int, int]:
    return (
        Event.objects.filter(payload__isnull=False).count(),
        Delivery.objects.filter(body__isnull=False).count(),
    )


def test_deliveries_are_found_by_their_marks_and_only_by_their_owner(ann: Account) -> None:
    bob = AccountFactory.create(name="bob")
    builders.webhooks.delivery(bob)
    run = builders.runs.answered(ann)
    endpoint, _ = builders.webhooks.endpoint(ann)
    builders.webhooks.record(ann, run_id=run.pk)
    builders.webhooks.record(ann)
    at = builders.webhooks.now()
    first, second = builders.webhooks.claim(at, limit=100)[-2:]
    builders.webhooks.succeed(first, at)
    a, b = first.public_id, second.public_id

    assert found(ann) == [b, a]
    assert found(ann, status="succeeded") == [a]
    assert found(ann, run_id=run.public_id) == [a]
    assert found(ann, endpoint_id=endpoint.public_id) == [b, a]
    assert found(bob, endpoint_id=endpoint.public_id) == []
    assert found(ann, event_type="run.failed") == []
    assert found(ann, limit=1) == [b]
    assert found(ann, cursor=b) == [a]
    with pytest.raises(errors.InvalidRequest, match="cursor"):
        found(bob, cursor=b)


def test_a_deleted_conversation_is_erased_from_events_and_callbacks(ann: Account) -> None:
    run = builders.runs.answered(ann)
    builders.webhooks.endpoint(ann)
    conversation = inspection.conversation(ann).pk
    builders.webhooks.record(ann, run_id=run.pk, conversation_id=conversation)
    builders.webhooks.callback(run)

    builders.erasures.delete_conversation(conversation_id=conversation)

    assert bodies() == (0, 0)
    assert set(Delivery.objects.values_list("status", flat=True)) == {"cancelled"}
