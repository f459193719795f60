"""Deliveries as their owners ask for them: what was sent where, when, and what came back."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet

from conversations import errors
from conversations.models import Delivery, DeliveryAttempt


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """None asks for all. Ids are public ones; `since` is included, `until` is not."""

    endpoint_id: str | None = None
    run_id: str | None = None
    event_type: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def for_account(*, account_id: int, delivery_id: str) -> Delivery:
    """Raises NotFound when the account has no such delivery."""
    delivery = _all(account_id).filter(public_id=delivery_id).first()
    if delivery is None:
        raise errors.NotFound("delivery not found")
    return delivery


def page(*, account_id: int, wanted: DeliveryFilter, before: str | None, limit: int) -> list[Delivery]:
    """Newest first, one more than `limit` when there are more. `before` is the id the page before ended with.

    Raises InvalidRequest when it is not a delivery of the account.
    """
    conditions = {
        "endpoint__public_id": wanted.endpoint_id,
        "run__public_id": wanted.run_id,
        "event__type": wanted.event_type,
        "status": wanted.status,
        "created_at__gte": wanted.since,
        "created_at__lt": wanted.until,
    }
    given = {name: value for name, value in conditions.items() if value is not None}
    found = _all(account_id).filter(**given)
    if before is not None:
        found = found.filter(pk__lt=_cursor(account_id, before))
    return list(found.order_by("-pk")[: limit + 1])


def _cursor(account_id: int, delivery_id: str) -> int:
    known = Delivery.objects.for_account(account_id)
    pk = known.filter(public_id=delivery_id).values_list("pk", flat=True).first()
    if pk is None:
        raise errors.InvalidRequest("cursor is not one of ours", param="cursor")
    return pk


def _all(account_id: int) -> QuerySet[Delivery]:
    attempts = Prefetch("attempts", DeliveryAttempt.objects.order_by("number"))
    related = ("endpoint", "event", "run", "run__conversation")
    found = Delivery.objects.for_account(account_id).select_related(*related).prefetch_related(attempts)
    return found.defer("run__request", "run__answer", "run__preset_text")
