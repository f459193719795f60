"""The places that active runs take of their keys and accounts, renewed in Redis: their rows are the truth (ADR 45).

Tasks take none: nobody waits for them (ADR 51). Nor do runs that wait for an approval.
"""

import structlog
from django.conf import settings
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from redis.exceptions import RedisError

from conversations.models import ActiveRun
from conversations.rate_limits import places
from conversations.rate_limits.places import LimitedRun
from conversations.services import one_by_one
from conversations.stores import redis_clients
from conversations.values.runs import RunStatus

log = structlog.get_logger(__name__)

# Of all keys together; those beyond are not counted. Reading them behind 80,000 tasks takes up to 0.4 s.
MOST = 20_000
# While Redis is away the sweep fails every three seconds: one line in the log for all of them.
NOT_RENEWED = ("places", "renew")


def renew() -> None:
    """Of runs that are limited. While Redis is away nobody is refused, so there is nothing to renew."""
    try:
        places.renew(redis_clients.client(), [LimitedRun(*row) for row in _limited()])
    except RedisError as exc:
        if one_by_one.known_failures.is_new(NOT_RENEWED):
            log.warning("places_not_renewed", error=type(exc).__name__)
    else:
        one_by_one.known_failures.resolve(NOT_RENEWED)


def _limited() -> list[tuple[str, int, int, bool, bool]]:
    of_account = F("account__concurrent_runs")
    of_key = Coalesce("run__api_key__concurrent_runs", of_account, settings.CONCURRENT_RUNS)
    rows = ActiveRun.objects.annotate(of_key=of_key, of_account=Coalesce(of_account, 0)).filter(run__task=None)
    rows = rows.exclude(status=RunStatus.REQUIRES_ACTION.value)
    # A run without a key is a visitor's, and what its token allows it is not known here.
    limited = rows.filter(Q(of_key__gt=0) | Q(of_account__gt=0) | Q(run__api_key=None)).order_by("pk")
    columns = ("run__public_id", "run__api_key", "account", "of_key", "of_account")
    return [
        (run_id, api_key_id or 0, account_id, of_key > 0 or api_key_id is None, of_account > 0)
        for run_id, api_key_id, account_id, of_key, of_account in limited.values_list(*columns)[:MOST]
    ]
