"""Client tokens that end before their time: by their id, by their visitor, and by the key that minted them.

Web processes read all that ended in an account together with its secrets, every two seconds; requests look at nothing
more. So their number is bounded, and what no token can outlive is deleted when the next one ends.
"""

from collections.abc import Collection
from datetime import timedelta

import structlog
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from conversations import errors
from conversations.models import ApiKey, TokenRevocation, VisitorIdentity
from conversations.rules.client_tokens import revocations
from conversations.rules.client_tokens.revocations import Ended

log = structlog.get_logger(__name__)

KEPT = timedelta(seconds=revocations.KEPT_SECONDS)
# Of an account at a time: about 10 ms for who reads them.
MOST = 10_000
TOO_MANY = f"The account has ended {MOST} tokens or visitors within a day. Rotate its visitor secret instead."
# By hand because of `now()`: the ORM's bulk_create would write the application's clock.
END = """
INSERT INTO conversations_tokenrevocation (account_id, subject, revoked_at)
SELECT %(account)s, unnest(%(subjects)s::bytea[]), now()
ON CONFLICT (account_id, subject) DO UPDATE SET revoked_at = now()
"""


def revoke_token(*, account_id: int, token_id: str) -> None:
    """Whether there is such a token nobody knows. Raises QuotaExceeded."""
    _end([revocations.of_token(token_id)], account_id=account_id)


def revoke_visitor(*, account_id: int, external_id: str) -> None:
    """All that were issued up to now, for any of the ids of this visitor. Raises QuotaExceeded."""
    own = VisitorIdentity.objects.for_account(account_id).filter(external_id=external_id).values("visitor")
    ids = VisitorIdentity.objects.for_account(account_id).filter(visitor__in=own).values_list("external_id", flat=True)
    _end([revocations.of_visitor(one) for one in {external_id, *ids}], account_id=account_id)


def end_of_visitor(*, account_id: int, external_ids: Collection[str]) -> None:
    """As it is deleted, in its transaction. It is deleted also where too many have ended for one more."""
    try:
        _end([revocations.of_visitor(one) for one in external_ids], account_id=account_id)
    except errors.QuotaExceeded:
        log.warning("tokens_not_revoked", account_id=account_id)


def ended(*, account_id: int) -> Ended:
    """All that tokens of the account may name."""
    rows = TokenRevocation.objects.for_account(account_id).filter(revoked_at__gt=Now() - KEPT)
    # All of them: who ended one at the same time as others may have come beyond the bound, and was told that it ended.
    found = {bytes(subject): int(at.timestamp()) for subject, at in rows.values_list("subject", "revoked_at")}
    over = Q(revoked_at__gt=Now() - KEPT) | Q(expires_at__gt=Now() - KEPT, expires_at__lte=Now())
    keys = ApiKey.objects.for_account(account_id).filter(over).values_list("public_id", flat=True)
    return found | {revocations.of_key(key): 0 for key in keys[:MOST]}


def _end(subjects: Collection[bytes], *, account_id: int) -> None:
    """Raises QuotaExceeded."""
    if not subjects:
        return
    own = TokenRevocation.objects.for_account(account_id)
    own.filter(revoked_at__lte=Now() - KEPT).delete()
    if own.exclude(subject__in=list(subjects)).count() + len(subjects) > MOST:
        raise errors.QuotaExceeded(TOO_MANY)
    with connection.cursor() as cursor:
        # In one order, so that no two wait for each other.
        cursor.execute(END, {"account": account_id, "subjects": sorted(subjects)})
