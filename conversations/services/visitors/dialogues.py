"""When a dialogue is over: nobody has asked anything in it for a while (the setting DIALOGUE_IDLE_MINUTES).

A dialogue is opened by a turn of an account that has webhook endpoints, and looked at when it may be over. So its turns
write nothing about it, and the sweep reads only those that may be.
"""

from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Now

from conversations.models import Account, ActiveRun, Conversation, Dialogue
from conversations.services import one_by_one
from conversations.services.visitors import reports
from conversations.stores import statements

# After an end that was refused, or that others were in the way of: what it met may be gone by then.
REFUSED = timedelta(minutes=1)
# Of one account in a round.
EACH = 250

# The dialogues that may be over: of each account the one that has waited longest, then the next of each. The accounts
# are found by jumping from one to the next in the index dialogue_open_by_account, as those of held runs are
# (services/runs/fair_shares.py).
DUE = """
WITH RECURSIVE waiting AS (
  (SELECT d.account_id FROM conversations_dialogue d WHERE d.is_open ORDER BY d.account_id, d.look_at LIMIT 1)
  UNION ALL
  SELECT (SELECT d.account_id FROM conversations_dialogue d WHERE d.is_open AND d.account_id > waiting.account_id
          ORDER BY d.account_id, d.look_at LIMIT 1)
  FROM waiting WHERE waiting.account_id IS NOT NULL
)
SELECT next.conversation_id
FROM (SELECT account_id FROM waiting WHERE account_id IS NOT NULL) AS waiting, LATERAL (
  SELECT due.conversation_id, due.look_at, row_number() OVER (ORDER BY due.look_at) AS place
  FROM (SELECT d.conversation_id, d.look_at FROM conversations_dialogue d
        WHERE d.account_id = waiting.account_id AND d.is_open AND d.look_at < statement_timestamp()
        ORDER BY d.look_at LIMIT %(each)s) AS due
) AS next
ORDER BY next.place, next.look_at LIMIT %(most)s
"""


def finish_each(*, most: int) -> None:
    """Those that may be over, fair among accounts, in few statements; one that is refused stops no other."""
    keys = [row["conversation_id"] for row in statements.fetch_all(DUE, {"each": EACH, "most": most})]
    one_by_one.bulk_or_halves("finish_dialogue", keys, _finish)
    # Those that were refused, or that others had locked, wait behind the others: else many such would keep those from
    # being looked at.
    with transaction.atomic():
        left = due().filter(pk__in=keys).select_for_update(no_key=True, skip_locked=True)
        Dialogue.objects.filter(pk__in=left.values("pk")).update(look_at=Now() + REFUSED)


def due() -> QuerySet[Dialogue]:
    return Dialogue.objects.filter(is_open=True, look_at__lt=Now())


def _finish(keys: Collection[int]) -> None:
    """Closes them and reports their ends, or says when to look again. What somebody has locked is left for later."""
    conversations = Conversation.objects.filter(pk__in=keys).order_by("pk")
    locked = conversations.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)
    own = Dialogue.objects.filter(pk__in=list(locked), is_open=True)
    active = ActiveRun.objects.filter(conversation__in=own.values("pk")).values_list("conversation", flat=True)
    goes_on = list(active)
    Dialogue.objects.filter(pk__in=goes_on).update(look_at=Now() + settings.DIALOGUE_IDLE)
    quiet = own.exclude(pk__in=goes_on)
    lately = quiet.filter(conversation__updated_at__gt=Now() - settings.DIALOGUE_IDLE)
    over_at = Conversation.objects.filter(pk=OuterRef("pk")).values(at=F("updated_at") + settings.DIALOGUE_IDLE)
    postponed = list(lately.values_list("pk", flat=True))
    Dialogue.objects.filter(pk__in=postponed).update(look_at=Subquery(over_at))
    _close(quiet.exclude(pk__in=postponed))


def _close(over: QuerySet[Dialogue]) -> None:
    """Each with its report, which needs its account: one that others hold is left for later, with its dialogues."""
    accounts = Account.objects.filter(pk__in=over.values("account")).order_by("pk")
    locked = accounts.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)
    found = over.filter(account__in=list(locked)).select_related("conversation", "assistant", "visitor")
    ended = list(found.prefetch_related("visitor__identities"))
    Dialogue.objects.filter(pk__in=[one.pk for one in ended]).update(is_open=False, look_at=None)
    reports.report_ends(ended)
