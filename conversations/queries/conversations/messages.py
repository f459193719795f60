"""The messages of a conversation, all branches, a page at a time: what was asked and answered, and by which run.

They form a tree: each names the one that it follows, and the conversation names the last one of its path.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.db.models import Case, Max, When
from django.db.models.fields.json import KT
from django.db.models.functions import Left

from conversations.models import Message, Reference, Run
from conversations.queries import fitting, sources
from conversations.queries.keyset import LAST_KEY, NO_KEY, key_of
from conversations.values.context.sources import NOT_SOURCED, Sourced
from providers.messages import Role

# A page ends at whichever comes first, its number of messages or the bytes of their parts: they may hold whole files.
BYTES_MAX = 4 * 1024 * 1024
REFERENCE_CHARS = 300
SAID = (Role.USER.value, Role.ASSISTANT.value)
# As many are counted that follow one message.
SIBLINGS_MAX = 100

# By hand because the ORM writes `= 7` for one conversation. PostgreSQL would drop it from the order, and then may read
# the messages of all by their keys (queries/keyset.py).
KEYS = """
SELECT m.id FROM conversations_message m
WHERE m.conversation_id = ANY(ARRAY[%(conversation)s]::bigint[]) AND m.id > %(lower)s AND m.id < %(upper)s
ORDER BY m.conversation_id {by}, m.id {by} LIMIT %(limit)s
"""
# By hand because the ORM has no LATERAL that ends early. Each count ends at its bound. Those that stand first are
# sorted by what they follow, nothing, so that PostgreSQL takes the index of that: where most conversations are short it
# expects many of them, and would look for them among all messages of a long one.
SIBLINGS = """
SELECT m.id, CASE WHEN m.parent_id IS NULL THEN (
         SELECT count(*) FROM (SELECT FROM conversations_message s WHERE s.conversation_id = m.conversation_id
                                 AND s.parent_id IS NULL ORDER BY s.parent_id LIMIT %(most)s) AS first
       ) ELSE (
         SELECT count(*) FROM (SELECT FROM conversations_message s WHERE s.conversation_id = m.conversation_id
                                 AND s.parent_id = m.parent_id LIMIT %(most)s) AS others
       ) END
FROM conversations_message m WHERE m.id = ANY(%(ids)s::bigint[])
"""


@dataclass(frozen=True, slots=True)
class Said:
    """`siblings`: how many messages follow the same one, itself counted, up to SIBLINGS_MAX.

    `is_answer`: it is the run's first one. `sourced` and `cost` are of answers, `references` of questions: elsewhere
    there are none.
    """

    message: Message
    run: Run
    siblings: int
    is_answer: bool = False
    sourced: Sourced = NOT_SOURCED
    references: tuple[Reference, ...] = ()
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Between:
    """Public ids of messages that a page lies between; the one who asks may have neither."""

    before: str | None = None
    after: str | None = None
    oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class MessagePage:
    """There may be fewer rows than asked for, or none, although more follow."""

    rows: list[Said]
    next_cursor: str | None


def page(*, conversation: int, between: Between, limit: int, said_alone: bool) -> MessagePage:
    """`said_alone`: without what is neither the user's nor the assistant's.

    Raises InvalidRequest when it is to begin at what is no message of the conversation.
    """
    keys = _keys(conversation, between, limit=limit + 1)
    shown = keys[: fitting.messages(keys[:limit], bytes_max=BYTES_MAX)]
    rows = Message.objects.filter(pk__in=shown).select_related("parent")
    if said_alone:
        rows = rows.filter(role__in=SAID)
    found = {one.pk: one for one in rows.defer("provider_metadata", "parent__parts", "parent__provider_metadata")}
    following = None
    if len(shown) < len(keys):
        following = Message.objects.filter(pk=shown[-1]).values_list("public_id", flat=True).first()
    return MessagePage(_said([found[key] for key in shown if key in found]), following)


def _keys(conversation: int, between: Between, *, limit: int) -> list[int]:
    upper = _key(conversation, between.before, parameter="before") or LAST_KEY
    lower = _key(conversation, between.after, parameter="after") or NO_KEY
    statement = KEYS.format(by="ASC" if between.oldest_first else "DESC")
    with connection.cursor() as cursor:
        cursor.execute(statement, {"conversation": conversation, "lower": lower, "upper": upper, "limit": limit})
        return [key for (key,) in cursor.fetchall()]


def _key(conversation: int, public_id: str | None, *, parameter: str) -> int | None:
    if public_id is None:
        return None
    own = Message.objects.filter(conversation=conversation)
    return key_of(own, cursor=public_id, parameter=parameter, problem="is no message of the conversation")


def _said(messages: list[Message]) -> list[Said]:
    runs = _runs({message.run_id for message in messages})
    references = _references(runs)
    siblings = _siblings([message.pk for message in messages])
    return [
        _shown(message, run, siblings=siblings.get(message.pk, 1), references=references.get(message.pk, ()))
        for message in messages
        if (run := runs.get(message.run_id)) is not None
    ]


def _shown(message: Message, run: Run, *, siblings: int, references: tuple[Reference, ...]) -> Said:
    if not _is_answer(message, run):
        return Said(message, run, siblings, references=references)
    return Said(message, run, siblings, is_answer=True, sourced=sources.of(run), cost=_cost(run))


def _is_answer(message: Message, run: Run) -> bool:
    """Its run's first one: what a caller sent as said by the assistant is as old as the run."""
    return message.role == Role.ASSISTANT and message.choice == 0 and message.created_at > run.created_at


def _runs(keys: Iterable[int]) -> Mapping[int, Run]:
    """With what their answers say of their sources and cost: of the rest hardly anything is shown."""
    rows = sources.with_records(Run.objects.filter(pk__in=keys)).annotate(
        # Of a failed run the answer is in the row, and may be long.
        said_cost=Case(When(ended_as="", then=KT("answer__cost"))),
    )
    found = list(rows.select_related("active").defer("request", "answer", "preset_text"))
    sources.load(found)
    return {run.pk: run for run in found}


def _cost(run: Run) -> Decimal | None:
    """None where nothing was charged."""
    said = run.said_cost  # type: ignore[attr-defined] # an annotation
    return None if said is None else Decimal(said)


def _references(runs: Mapping[int, Run]) -> Mapping[int, tuple[Reference, ...]]:
    """By the message that they came with: the question of their run."""
    rows = Reference.objects.filter(run__in=runs).annotate(beginning=Left("content", REFERENCE_CHARS))
    given: dict[int, list[Reference]] = {}
    for one in rows.defer("content").order_by("run", "position"):
        given.setdefault(one.run_id, []).append(one)
    asked = Message.objects.filter(run__in=given, role=Role.USER.value).values_list("run").annotate(Max("pk"))
    return {question: tuple(given[run]) for run, question in asked.order_by()} if given else {}


def _siblings(keys: list[int]) -> Mapping[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(SIBLINGS, {"ids": keys, "most": SIBLINGS_MAX})
        return dict(cursor.fetchall())
