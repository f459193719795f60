"""How many deliveries of an account may be pending at once.

A process counts them anew every few seconds, not for each event. So the limit is soft: several processes together may
exceed it by what they create in that time.
"""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

import structlog
from django.conf import settings

from conversations.models import Delivery
from conversations.services import one_by_one

log = structlog.get_logger(__name__)

COUNT_SECONDS = 5.0
REMEMBERED_ACCOUNTS = 10_000


@dataclass(slots=True)
class PendingCount:
    """`counted_at` is in monotonic seconds."""

    count: int
    counted_at: float


_counts: OrderedDict[int, PendingCount] = OrderedDict()
_lock = threading.Lock()


def reserve(*, account_id: int, count: int) -> bool:
    """Whether so many more may be pending. If so, they are counted in; if not, the first refusal is logged."""
    limit = settings.MAX_PENDING_DELIVERIES
    if not limit:
        return True
    pending = _pending(account_id, limit)
    failure = ("pending_deliveries", account_id)
    if pending.count + count > limit:
        if one_by_one.known_failures.is_new(failure):
            log.warning("pending_deliveries_limit_reached", account=account_id, pending=pending.count)
        return False
    one_by_one.known_failures.resolve(failure)
    pending.count += count
    return True


def _pending(account_id: int, limit: int) -> PendingCount:
    """The account's count, made anew when it is older than COUNT_SECONDS. It stops at `limit`."""
    now = time.monotonic()
    with _lock:
        known = _counts.get(account_id)
    if known is not None and now - known.counted_at < COUNT_SECONDS:
        return known
    rows = Delivery.objects.for_account(account_id).filter(status=Delivery.Status.PENDING.value)
    pending = PendingCount(count=rows[:limit].count(), counted_at=now)
    with _lock:
        _counts[account_id] = pending
        _counts.move_to_end(account_id)
        if len(_counts) > REMEMBERED_ACCOUNTS:
            _counts.popitem(last=False)
    return pending
