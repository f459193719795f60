"""Deliveries: created, replayed and cancelled. Sending them is `attempts`."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from conversations import broker, errors
from conversations.models import Delivery, Event, Task, WebhookEndpoint
from conversations.queries.webhooks import deliveries as delivery_queries
from conversations.services import one_by_one
from conversations.services.webhooks import pending_limit
from conversations.webhooks import destinations, payloads

PENDING = Delivery.Status.PENDING.value
# A delivery with so many attempts is not replayed: each is a row, and all are shown with it.
REPLAY_MAX_ATTEMPTS = 100
# More than can be sent between two sweeps.
DUE_BATCH = 5_000


def create_for_event(*, event: Event) -> None:
    """One delivery for each endpoint of the account that subscribes to the event's type, in the event's transaction.

    Beyond the account's limit of pending deliveries they are created as failed: they can be seen and replayed, and the
    event can be read from the account's list of events.
    """
    active = WebhookEndpoint.objects.for_account(event.account_id).filter(disabled_at=None, deleted_at=None)
    endpoints = [one for one in active.order_by("pk") if event.type in one.events or payloads.ALL in one.events]
    if not endpoints:
        return
    state = _initial_state(account_id=event.account_id, count=len(endpoints))
    created = [
        Delivery(
            account_id=event.account_id,
            kind=Delivery.Kind.ENDPOINT.value,
            endpoint=endpoint,
            event=event,
            run_id=event.run_id,
            url=endpoint.url,
            destination=destinations.from_url(endpoint.url),
            **state,
        )
        for endpoint in endpoints
    ]
    Delivery.objects.bulk_create(created)
    broker.wake_deliveries()


def create_for_callback(*, account_id: int, run_id: int, is_stored: bool, url: str, body: str) -> None:
    """One delivery of the run's whole answer to its callback URL, in the transaction that ends the run.

    Beyond the account's limit of pending deliveries it is created as failed.
    """
    Delivery.objects.create(
        account_id=account_id,
        kind=Delivery.Kind.CALLBACK.value,
        run_id=run_id,
        url=url,
        destination=destinations.from_url(url),
        is_stored=is_stored,
        body=body,
        **_initial_state(account_id=account_id, count=1),
    )
    broker.wake_deliveries()


def _initial_state(*, account_id: int, count: int) -> dict[str, Any]:
    """The columns of new deliveries. Too many are never an error, because a run must be able to end."""
    if pending_limit.reserve(account_id=account_id, count=count):
        return {}
    return {"status": Delivery.Status.FAILED.value, "finished_at": Now()}


def replay(*, account_id: int, delivery_id: str) -> Delivery:
    """Makes the delivery pending again, due now, under its old webhook-id and from the first step of the schedule.

    A second replay before the next attempt changes nothing. Raises NotFound; InvalidRequest when the endpoint is
    disabled or deleted, the body was erased or there were too many attempts; RateLimited when the account has too many
    pending deliveries.
    """
    with transaction.atomic():
        known = delivery_queries.for_account(account_id=account_id, delivery_id=delivery_id)
        _check_replay(known)
        # A delivery that is being sent at this moment stays as it is.
        unclaimed = Delivery.objects.filter(pk=known.pk, claimed_until=None)
        replayed = {"status": PENDING, "is_due": True, "schedule_step": 0}
        if unclaimed.exclude(**replayed).update(**replayed, next_attempt_at=Now(), finished_at=None):
            broker.wake_deliveries()
    return delivery_queries.for_account(account_id=account_id, delivery_id=delivery_id)


def _check_replay(known: Delivery) -> None:
    if known.endpoint is not None and (known.endpoint.disabled_at or known.endpoint.deleted_at):
        raise errors.InvalidRequest("Its endpoint is disabled or deleted.")
    if (known.event.payload if known.event else known.body) is None:
        raise errors.InvalidRequest("Its body is no longer kept.")
    if known.attempts_made >= REPLAY_MAX_ATTEMPTS:
        raise errors.InvalidRequest(f"It was attempted {known.attempts_made} times already.")
    if known.status != PENDING and not pending_limit.reserve(account_id=known.account_id, count=1):
        raise errors.RateLimited("Too many deliveries are pending already.", retry_after=pending_limit.COUNT_SECONDS)


def move_pending(*, endpoint_id: int, url: str) -> None:
    """Redirects the endpoint's pending deliveries to its new URL."""
    _lock(pending := _pending(endpoint_id))
    pending.update(url=url, destination=destinations.from_url(url))


def cancel_pending(*, endpoint_id: int) -> None:
    """Cancels the endpoint's pending deliveries. An attempt in flight may still arrive."""
    _cancel(_pending(endpoint_id))


def _cancel(pending: QuerySet[Delivery]) -> None:
    _lock(pending)
    pending.update(status=Delivery.Status.CANCELLED.value, claimed_until=None, finished_at=Now())


def _lock(deliveries: QuerySet[Delivery]) -> None:
    """Locks the rows in the order of their ids, so that two transactions cannot wait for each other."""
    list(deliveries.select_for_update(no_key=True, of=("self",)).order_by("pk").values_list("pk", flat=True))


def erase_conversation(*, conversation_id: int) -> None:
    """Erases the conversation from events, callbacks and tasks, and cancels its pending deliveries."""
    # Two queries, each by an index: one query with OR would read the whole table.
    for of_conversation in ({"run__conversation": conversation_id}, {"event__conversation": conversation_id}):
        _cancel(Delivery.objects.filter(**of_conversation, status=PENDING))
    Delivery.objects.filter(run__conversation=conversation_id, body__isnull=False).update(body=None)
    Event.objects.filter(conversation=conversation_id, payload__isnull=False).update(payload=None)
    Task.objects.filter(run__conversation=conversation_id).delete()


def are_due() -> bool:
    return Delivery.objects.filter(status=PENDING, is_due=True).exists()


def note_due() -> None:
    """Marks the retries that have become due, so that senders find them."""
    waiting = Delivery.objects.filter(status=PENDING, is_due=False, next_attempt_at__lte=Now())
    pks = list(waiting.order_by("next_attempt_at").values_list("pk", flat=True)[:DUE_BATCH])
    one_by_one.bulk_or_each("note_due", pks, lambda some: Delivery.objects.filter(pk__in=some).update(is_due=True))


def _pending(endpoint_id: int) -> QuerySet[Delivery]:
    return Delivery.objects.filter(endpoint=endpoint_id, status=PENDING)
