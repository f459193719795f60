"""How many deliveries an account may be owed at once. A process counts them anew every few seconds, not for each event.

So the bound is a soft one: several processes may together pass it by what they owe in that time.
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
class Owed:
    """`counted_at` is in monotonic seconds."""

    count: int
    counted_at: float


_owed: OrderedDict[int, Owed] = OrderedDict()
_lock = threading.Lock()


def take(*, account_id: int, count: int) -> bool:
    """Whether so many more may be owed; they are counted in. Says so once when they may not."""
    most = settings.MAX_PENDING_DELIVERIES
    if not most:
        return True
    owed = _look(account_id, most)
    about = ("deliveries_not_owed", account_id)
    if owed.count + count > most:
        if one_by_one.complaints.is_new(about):
            log.warning("deliveries_not_owed", account=account_id, pending=owed.count)
        return False
    one_by_one.complaints.over(about)
    owed.count += count
    return True


def _look(account_id: int, most: int) -> Owed:
    now = time.monotonic()
    with _lock:
        known = _owed.get(account_id)
    if known is not None and now - known.counted_at < COUNT_SECONDS:
        return known
    pending = Delivery.objects.for_account(account_id).filter(status=Delivery.Status.PENDING.value)
    owed = Owed(count=pending[:most].count(), counted_at=now)
    with _lock:
        _owed[account_id] = owed
        _owed.move_to_end(account_id)
        if len(_owed) > REMEMBERED_ACCOUNTS:
            _owed.popitem(last=False)
    return owed
