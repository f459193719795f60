"""Deliveries: created, replayed and cancelled. Sending them is `attempts`."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from conversations import broker, errors, ids
from conversations.models import Delivery, WebhookEndpoint
from conversations.queries.webhooks import deliveries as delivery_queries
from conversations.services import one_by_one
from conversations.services.webhooks import pending_limit
from conversations.stores import statements
from conversations.webhooks import destinations, payloads
from conversations.webhooks.payloads import EventType

PENDING = Delivery.Status.PENDING.value
FAILED = Delivery.Status.FAILED.value

# By hand only to stay prepared: it is asked in every transaction that records an event.
SUBSCRIBED = """
SELECT id, url FROM conversations_webhookendpoint
WHERE account_id = %(account_id)s AND disabled_at IS NULL AND deleted_at IS NULL
  AND (events ? %(event_type)s OR events ? %(all)s)
ORDER BY id
"""

# A delivery with so many attempts is not replayed: each is a row, and all are shown with it.
REPLAY_MAX_ATTEMPTS = 100
# More than can be sent between two sweeps.
DUE_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class EventDelivery:
    """What a delivery of an event has of its own. Its JSON is a row of the statement that records the event."""

    public_id: str
    endpoint_id: int
    url: str
    destination: str
    status: str


def of_event(*, account_id: int, event_type: EventType) -> list[EventDelivery]:
    """One delivery for each endpoint of the account that subscribes to the event's type.

    Beyond the account's limit of pending deliveries they are failed from the beginning: they can be seen and replayed,
    and the event can be read from the account's list of events.
    """
    parameters = {"account_id": account_id, "event_type": event_type.value, "all": payloads.ALL}
    return to_endpoints(statements.fetch_all(SUBSCRIBED, parameters), account_id=account_id)


def subscribed(*, account_ids: Collection[int], event_type: EventType) -> dict[int, list[Mapping[str, Any]]]:
    """The endpoints of many accounts, as `to_endpoints` takes them, by their accounts."""
    wants = Q(events__contains=[event_type.value]) | Q(events__contains=[payloads.ALL])
    enabled = WebhookEndpoint.objects.filter(wants, account__in=account_ids, disabled_at=None, deleted_at=None)
    found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for endpoint in enabled.order_by("pk").values("account", "id", "url"):
        found[endpoint["account"]].append(endpoint)
    return found


def to_endpoints(endpoints: Sequence[Mapping[str, Any]], *, account_id: int) -> list[EventDelivery]:
    """One for each of them, beyond the account's limit failed, as `of_event` says."""
    if not endpoints:
        return []
    status = PENDING if pending_limit.reserve(account_id=account_id, count=len(endpoints)) else FAILED
    return [
        EventDelivery(
            public_id=ids.new_delivery_id(),
            endpoint_id=endpoint["id"],
            url=endpoint["url"],
            destination=destinations.from_url(endpoint["url"]),
            status=status,
        )
        for endpoint in endpoints
    ]


def as_json(given: Sequence[EventDelivery]) -> str:
    return orjson.dumps(given).decode()


def create_for_callback(*, account_id: int, run_id: int, is_stored: bool, url: str, body: str) -> None:
    """One delivery of the run's whole answer to its callback URL, in the transaction that ends the run.

    Beyond the account's limit of pending deliveries it is created as failed: a run must be able to end.
    """
    may_be_pending = pending_limit.reserve(account_id=account_id, count=1)
    state = {} if may_be_pending else {"status": FAILED, "finished_at": Now()}
    Delivery.objects.create(
        account_id=account_id,
        kind=Delivery.Kind.CALLBACK.value,
        run_id=run_id,
        url=url,
        destination=destinations.from_url(url),
        is_stored=is_stored,
        body=body,
        **state,
    )
    broker.wake_deliveries()


def replay(*, account_id: int, delivery_id: str) -> Delivery:
    """Makes the delivery pending again, due now, under its old webhook-id and from the first step of the schedule.

    A second replay before the next attempt changes nothing. Raises NotFound; InvalidRequest when the endpoint is
    disabled or deleted, the conversation deleted, the body erased or there were too many attempts; RateLimited when the
    account has too many pending deliveries.
    """
    with transaction.atomic():
        known = delivery_queries.for_account(account_id=account_id, delivery_id=delivery_id)
        _check_replay(known)
        # A delivery that is being sent at this moment stays as it is.
        unclaimed = Delivery.objects.for_account(account_id).filter(pk=known.pk, claimed_until=None)
        replayed = {"status": PENDING, "is_due": True, "schedule_step": 0}
        if unclaimed.exclude(**replayed).update(**replayed, next_attempt_at=Now(), finished_at=None):
            broker.wake_deliveries()
    return delivery_queries.for_account(account_id=account_id, delivery_id=delivery_id)


def _check_replay(known: Delivery) -> None:
    if known.endpoint is not None and (known.endpoint.disabled_at or known.endpoint.deleted_at):
        raise errors.InvalidRequest("Its endpoint is disabled or deleted.")
    if known.is_of_deleted:
        raise errors.InvalidRequest("Its conversation was deleted.")
    if (known.event.payload if known.event else known.body) is None:
        raise errors.InvalidRequest("Its body is no longer kept.")
    if known.attempts_made >= REPLAY_MAX_ATTEMPTS:
        raise errors.InvalidRequest(f"It was attempted {known.attempts_made} times already.")
    if known.status != PENDING and not pending_limit.reserve(account_id=known.account_id, count=1):
        raise errors.RateLimited("Too many deliveries are pending already.", retry_after=pending_limit.COUNT_SECONDS)


def move_pending(*, account_id: int, endpoint_id: int, url: str) -> None:
    """Redirects the endpoint's pending deliveries to its new URL."""
    lock(pending := _pending(account_id, endpoint_id))
    pending.update(url=url, destination=destinations.from_url(url))


def cancel_pending(*, account_id: int, endpoint_id: int) -> None:
    """Cancels the endpoint's pending deliveries."""
    cancel(_pending(account_id, endpoint_id))


def cancel(pending: QuerySet[Delivery]) -> None:
    """Cancels pending deliveries. An attempt in flight may still arrive."""
    lock(pending)
    pending.update(status=Delivery.Status.CANCELLED.value, claimed_until=None, finished_at=Now())


def lock(deliveries: QuerySet[Delivery]) -> list[int]:
    """Locks the rows in the order of their ids, so that two transactions cannot wait for each other; their keys.

    Whoever changes attempts locks their deliveries first.
    """
    return list(deliveries.select_for_update(no_key=True, of=("self",)).order_by("pk").values_list("pk", flat=True))


def are_due() -> bool:
    return Delivery.objects.filter(status=PENDING, is_due=True).exists()


def note_due() -> None:
    """Marks the retries that have become due, so that senders find them."""
    waiting = Delivery.objects.filter(status=PENDING, is_due=False, next_attempt_at__lte=Now())
    pks = list(waiting.order_by("next_attempt_at").values_list("pk", flat=True)[:DUE_BATCH])
    one_by_one.bulk_or_halves("note_due", pks, lambda some: Delivery.objects.filter(pk__in=some).update(is_due=True))


def _pending(account_id: int, endpoint_id: int) -> QuerySet[Delivery]:
    return Delivery.objects.for_account(account_id).filter(endpoint=endpoint_id, status=PENDING)
