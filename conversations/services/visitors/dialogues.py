"""When a dialogue is over: nobody has asked anything in it for a while (the setting DIALOGUE_IDLE_MINUTES).

A dialogue is opened by a turn of an account that has webhook endpoints, and looked at when it may be over. So its turns
write nothing about it, and the sweep reads only those that may be.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from conversations.models import ActiveRun, Conversation, Dialogue
from conversations.services import one_by_one
from conversations.services.transactions import retry_on_deadlock
from conversations.services.visitors import reports
from conversations.stores import refusals

# After an end that was refused: what it met may be gone by then.
REFUSED = timedelta(minutes=1)


def finish_each(*, most: int) -> None:
    """Those that may be over, the longest first; one that is refused stops no other."""
    keys = list(due().values_list("pk", flat=True)[:most])
    one_by_one.each("finish_dialogue", keys, _finish_or_postpone, key=lambda key: key)


def _finish_or_postpone(key: int) -> None:
    """One that is refused waits behind the others: else many such would keep those from being looked at."""
    try:
        finish(conversation_id=key)
    except Exception as exc:
        if not refusals.is_away(exc):
            Dialogue.objects.filter(pk=key, is_open=True).update(look_at=Now() + REFUSED)
        raise


def due() -> QuerySet[Dialogue]:
    return Dialogue.objects.filter(is_open=True, look_at__lt=Now()).order_by("look_at")


@retry_on_deadlock
def finish(*, conversation_id: int) -> None:
    """Closes it and reports its end, or says when to look again. One that somebody has locked is left for later."""
    with transaction.atomic():
        idle = settings.DIALOGUE_IDLE
        rows = Conversation.objects.filter(pk=conversation_id).select_for_update(no_key=True, skip_locked=True)
        conversation = rows.annotate(over_at=F("updated_at") + idle, now=Now()).first()
        own = Dialogue.objects.filter(pk=conversation_id, is_open=True)
        if conversation is None or not own.exists():
            return
        if ActiveRun.objects.filter(conversation=conversation_id).exists():
            own.update(look_at=Now() + idle)
        elif conversation.over_at > conversation.now:
            own.update(look_at=conversation.over_at)
        else:
            own.update(is_open=False, look_at=None)
            found = Dialogue.objects.select_related("conversation", "assistant", "visitor")
            reports.report_end_of_dialogue(found.prefetch_related("visitor__identities").get(pk=conversation_id))
