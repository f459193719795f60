"""What was said in all conversations of a visitor within a time, in order, a page at a time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from conversations.models import Dialogue, Message, Visitor
from conversations.queries import fitting
from conversations.queries.keyset import NO_KEY, key_of
from conversations.queries.moments import SLACK
from providers.messages import Role

# A page looks through so many messages, and ends where their parts have so many bytes: they can hold whole files.
LOOKED_THROUGH = 200
BYTES_MAX = 4 * 1024 * 1024
# Of a visitor, the newest.
CONVERSATIONS_MAX = 200
SHOWN = (Role.USER.value, Role.ASSISTANT.value)

# By hand because the ORM has no LATERAL. Of each conversation only as many are read as a page has, however long it is,
# from the moment `since` on: that is found among its messages by halving, as in `queries/moments.py`. They are
# compared as pairs, so that no index on the id alone can be taken.
NEXT = """
SELECT next.id FROM unnest(%(conversations)s::bigint[]) AS c(id), LATERAL (
  WITH RECURSIVE halving AS (
    SELECT -1::bigint AS low, COALESCE((
      SELECT m.id FROM conversations_message m
      WHERE (m.conversation_id, m.id) > (c.id, 0) AND (m.conversation_id, m.id) < (c.id + 1, 0)
      ORDER BY m.conversation_id DESC, m.id DESC LIMIT 1), 0) AS high
    UNION ALL
    SELECT CASE WHEN later.is_before THEN later.id - 1 ELSE low END,
           CASE WHEN later.is_before THEN high ELSE middle END
    FROM halving CROSS JOIN LATERAL (SELECT low + (high - low) / 2 AS middle) AS half LEFT JOIN LATERAL (
      SELECT m.id, m.created_at < %(since)s::timestamptz - %(slack)s AS is_before FROM conversations_message m
      WHERE (m.conversation_id, m.id) > (c.id, middle) AND (m.conversation_id, m.id) < (c.id + 1, 0)
      ORDER BY m.conversation_id, m.id LIMIT 1
    ) AS later ON true
    WHERE high - low > 1
  ) SELECT GREATEST(min(high), %(after)s) AS after FROM halving
) AS bound, LATERAL (
  SELECT m.id, m.created_at FROM conversations_message m
  WHERE (m.conversation_id, m.id) > (c.id, bound.after) AND (m.conversation_id, m.id) < (c.id + 1, 0)
  ORDER BY m.conversation_id, m.id LIMIT %(most)s
) AS next
WHERE next.created_at < %(until)s::timestamptz ORDER BY next.id LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Page:
    """`dialogues` by the key of their conversation. `next`: the id of the message behind which the next page begins."""

    messages: list[Message]
    dialogues: dict[int, Dialogue]
    next: str | None


def page(visitor: Visitor, *, since: datetime, until: datetime, cursor: str | None) -> Page:
    """The oldest first: questions and answers, those of turns that failed, too. There may be none and yet a next page.

    Raises InvalidRequest when `cursor` is no message of the account.
    """
    account_id = visitor.account_id
    own = Dialogue.objects.filter(visitor__gte=visitor.pk, visitor__lte=visitor.pk, account=account_id)
    newest = own.order_by("visitor", "-pk").select_related("conversation", "assistant")[:CONVERSATIONS_MAX]
    dialogues = {one.pk: one for one in newest if one.conversation.deleted_at is None}
    after = NO_KEY
    if cursor is not None:
        owned = Message.objects.for_account(account_id)
        after = key_of(owned, cursor=cursor, parameter="cursor", problem="is not one of ours")
    keys = _keys(list(dialogues), since=since, until=until, after=after)
    shown = keys[: fitting.messages(keys[:LOOKED_THROUGH], bytes_max=BYTES_MAX)]
    rows = Message.objects.select_related("run").only(
        *("public_id", "conversation_id", "role", "parts", "created_at", "choice", "run__attempt", "run__finished_at")
    )
    found = rows.in_bulk(shown)
    following = found[shown[-1]].public_id if len(keys) > len(shown) and shown[-1] in found else None
    messages = [found[key] for key in shown if key in found and _is_shown(found[key], since, until)]
    return Page(messages, dialogues, following)


def _is_shown(message: Message, since: datetime, until: datetime) -> bool:
    return message.role in SHOWN and not message.choice and since <= message.created_at < until


def _keys(conversations: list[int], *, since: datetime, until: datetime, after: int) -> list[int]:
    if not conversations:
        return []
    parameters: dict[str, Any] = {
        "conversations": conversations,
        "since": since,
        "until": until,
        "after": after,
        "slack": SLACK,
        "most": LOOKED_THROUGH + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(NEXT, parameters)
        return [key for (key,) in cursor.fetchall()]
