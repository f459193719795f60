"""What was reported: events and their deliveries. Those of a conversation are emptied, those of an account deleted."""

from django.db.models import QuerySet

from conversations.models import Delivery, DeliveryAttempt, Erasure, Event
from conversations.services.erasures.batch import Batch, following, next_keys
from conversations.services.erasures.content import empty_deliveries
from conversations.services.webhooks import deliveries

# Each may have a delivery for every endpoint of its account, and each of these many attempts.
EVENTS = 100
DELIVERIES = 250


def empty_events(erasure: Erasure) -> Batch:
    """The rows stay, for their sequence numbers have no gap."""
    events = Event.objects.filter(conversation=erasure.subject_key)
    sequences = next_keys(events, erasure, column="sequence", most=EVENTS)
    return Batch(cursor=following(sequences, most=EVENTS), erased=empty(events.filter(sequence__in=sequences)))


def empty(events: QuerySet[Event]) -> dict[str, int]:
    keys = list(Delivery.objects.filter(event__in=events.values("pk")).values_list("pk", flat=True))
    return {"delivery": empty_deliveries(keys), "event": events.update(payload=None)}


def delete_deliveries(erasure: Erasure) -> Batch:
    keys = next_keys(Delivery.objects.for_account(erasure.account_id), erasure, most=DELIVERIES)
    deliveries.lock(Delivery.objects.filter(pk__in=keys))
    erased = {"deliveryattempt": DeliveryAttempt.objects.filter(delivery__in=keys).delete()[0]}
    # Callbacks were counted when they were emptied, with their runs.
    erased["delivery"] = Delivery.objects.filter(pk__in=keys, kind=Delivery.Kind.ENDPOINT.value).delete()[0]
    Delivery.objects.filter(pk__in=keys).delete()
    return Batch(cursor=following(keys, most=DELIVERIES), erased=erased)


def delete_events(erasure: Erasure) -> Batch:
    keys = next_keys(Event.objects.for_account(erasure.account_id), erasure)
    return Batch(cursor=following(keys), erased={"event": Event.objects.filter(pk__in=keys).delete()[0]})
