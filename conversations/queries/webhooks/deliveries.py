"""Deliveries for their owners: what was sent where, when, and what came back."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet

from conversations import errors
from conversations.models import Delivery, DeliveryAttempt, Run, WebhookEndpoint
from conversations.queries.keyset import Page, Within, find_key, keyset_page
from conversations.queries.moments import keys_between

# The statuses of the index delivery_lost_of_account.
RARE = ("failed", "cancelled")


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """None stands for any. Ids are public ids; a delivery made at `since` is included, one made at `until` is not."""

    endpoint_id: str | None = None
    run_id: str | None = None
    event_type: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def for_account(*, account_id: int, delivery_id: str) -> Delivery:
    """Raises NotFound when the account has no such delivery."""
    delivery = _of_account(account_id).filter(public_id=delivery_id).first()
    if delivery is None:
        raise errors.NotFound("delivery not found")
    return delivery


def page(*, account_id: int, filters: DeliveryFilter, cursor: str | None, limit: int) -> Page[Delivery]:
    """The newest first. Raises InvalidRequest when `cursor` is not the id of a delivery of the account."""
    within = _within(filters, account_id=account_id)
    conditions = {
        "endpoint__public_id": filters.endpoint_id,
        "run__public_id": filters.run_id,
        "event__type": filters.event_type,
        "status": filters.status,
    }
    given = {name: value for name, value in conditions.items() if value is not None}
    if within is not None:
        del given[within.column if within.column in given else f"{within.column}__public_id"]
    return keyset_page(
        _with_related(_created(Delivery.objects.filter(**given), since=filters.since, until=filters.until)),
        account_id=account_id,
        cursor=cursor,
        limit=limit,
        within=within,
        between=keys_between(Delivery, account_id=account_id, since=filters.since, until=filters.until),
        is_filtered=bool(given),
    )


def _created(deliveries: QuerySet[Delivery], *, since: datetime | None, until: datetime | None) -> QuerySet[Delivery]:
    if since is not None:
        deliveries = deliveries.filter(created_at__gte=since)
    return deliveries if until is None else deliveries.filter(created_at__lt=until)


def _within(filters: DeliveryFilter, *, account_id: int) -> Within | None:
    """By the filter that leaves the fewest rows and has an index."""
    if filters.run_id is not None:
        return Within("run", find_key(Run.objects.for_account(account_id), filters.run_id))
    if filters.status in RARE:
        return Within("status", filters.status, Q(status__in=RARE))
    if filters.endpoint_id is not None:
        return Within("endpoint", find_key(WebhookEndpoint.objects.for_account(account_id), filters.endpoint_id))
    return None


def _of_account(account_id: int) -> QuerySet[Delivery]:
    return _with_related(Delivery.objects.for_account(account_id))


def _with_related(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """With all that their JSON shows, and without what may be large of them and of what they are about."""
    attempts = Prefetch("attempts", DeliveryAttempt.objects.order_by("number"))
    related = ("endpoint", "event__conversation", "run__conversation")
    deliveries = deliveries.select_related(*related).prefetch_related(attempts)
    large = ("body", "event__payload", "run__request", "run__answer", "run__preset_text")
    return deliveries.defer(*large, "run__conversation__preset_text", "event__conversation__preset_text")
