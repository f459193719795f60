"""Keeps what was read for a turn, and lets go of what no conversation has any more."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from itertools import accumulate

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from conversations.models import Content, Conversation, Reading
from conversations.models.knowledge.contents import MEDIA_TYPE_MAX_CHARS, TITLE_MAX_CHARS
from conversations.services.transactions import retry_on_deadlock
from conversations.stores import rows
from conversations.values.context.contents import ReadContent

# What one transaction deletes: a content may be megabytes, and any number of conversations may have read it.
READINGS, WEIGHT = 10_000, 64_000_000
# A use is noted once in this time.
NOTED_EVERY = timedelta(days=1)


@retry_on_deadlock
def keep(*, account_id: int, conversation_id: int, run_key: int, readings: Mapping[bytes, ReadContent]) -> None:
    """`readings`: by the key that the conversation will know each by. Those it has are replaced.

    A conversation that has been deleted keeps nothing. Raises DatabaseError; then nothing was written.
    """
    contents = {content.digest: content for content in readings.values()}
    with transaction.atomic():
        pks = _keep_contents(account_id, [contents[digest] for digest in sorted(contents)])
        # Looked at last, and not locked: a conversation is deleted only after its runs, and only a worker that was
        # frozen writes for a run that is over. Large texts take a while, and turns would wait for the lock.
        if not Conversation.objects.for_account(account_id).filter(pk=conversation_id, deleted_at=None).exists():
            transaction.set_rollback(True)
            return
        Reading.objects.bulk_create(
            [
                Reading(
                    account_id=account_id,
                    conversation_id=conversation_id,
                    key=key,
                    content_id=pks[readings[key].digest],
                    run_key=run_key,
                )
                for key in sorted(readings)
            ],
            update_conflicts=True,
            unique_fields=["conversation", "key", "account"],
            update_fields=["content", "run_key"],
        )


def _keep_contents(account_id: int, contents: list[ReadContent]) -> dict[bytes, int]:
    """Their keys. One that the account has already stays as it is, but for its last use."""
    made = Content.objects.bulk_create(
        [
            Content(
                account_id=account_id,
                digest=content.digest,
                media_type=content.media_type[:MEDIA_TYPE_MAX_CHARS],
                title=content.title[:TITLE_MAX_CHARS],
                text=content.text,
                page_starts=list(content.page_starts),
                data=content.data,
                size=content.size,
                weight=content.weight,
                used_at=Now(),
            )
            for content in contents
        ],
        update_conflicts=True,
        unique_fields=["account", "digest"],
        update_fields=["used_at"],
    )
    return {bytes(row.digest): row.pk for row in made}


def note_use(*, account_id: int, pks: Collection[int]) -> None:
    """So that they are not deleted for their age. Writes nothing for those whose use was noted today."""
    long_ago = Content.objects.for_account(account_id).filter(pk__in=pks, used_at__lt=Now() - NOTED_EVERY)
    long_ago.update(used_at=Now())


def delete_unread(pks: Collection[int]) -> int:
    """Deletes those of the contents that no reading points at; how many it were.

    They are locked first, in a statement of their own: a reading that another turn adds meanwhile is seen by the next.
    """
    locked = list(Content.objects.filter(pk__in=pks).order_by("pk").select_for_update().values_list("pk", flat=True))
    return rows.delete(Content, _without_readings(locked))


def delete_some(pks: Collection[int]) -> tuple[int, int]:
    """Deletes contents that their caller has locked, with the readings of them, as far as one transaction should go.

    How many readings and how many contents. Contents go once none of them has a reading any more.
    """
    own = Reading.objects.filter(content__in=pks).values_list("pk", flat=True)
    readings = rows.delete(Reading, list(own[:READINGS]))
    if readings == READINGS:
        return readings, 0
    chosen = Content.objects.filter(pk__in=pks).order_by("used_at", "pk").values_list("pk", "weight")
    return readings, rows.delete(Content, up_to_weight(list(chosen)))


def up_to_weight(weighed: Sequence[tuple[int, int]]) -> list[int]:
    """The first of these keys, with the weight of each: no more than one transaction should delete."""
    before = accumulate((weight for _, weight in weighed), initial=0)
    return [key for (key, _), weight in zip(weighed, before, strict=False) if weight <= WEIGHT]


def _without_readings(pks: Collection[int]) -> list[int]:
    has_readings = Exists(Reading.objects.filter(content=OuterRef("pk")))
    return list(Content.objects.filter(~has_readings, pk__in=pks).values_list("pk", flat=True))
