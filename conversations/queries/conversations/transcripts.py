"""The admin's search for conversations, and the pages of a conversation's transcript."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Prefetch, Q, QuerySet
from django.db.models.functions import Left

from conversations.models import Account, Conversation, Delivery, Message, Reference, Run, RunAttempt
from conversations.queries import fitting, public_ids, sources

# A page of a transcript ends at whichever limit is reached first. Parts can hold whole files.
MESSAGES_MAX = 100
PARTS_BYTES_MAX = 4 * 1024 * 1024
RUNS_OFF_THREAD_MAX = 100
REFERENCE_SHOWN_CHARS = 300
MATCHES_MAX = 1_000

# By hand because the ORM has no recursion. Each step is one look-up in the index message_has_one_conversation. The size
# counts decompressed parts: 20 MB of one letter are stored in 200 kB. Rows beyond the page's end are not decompressed.
PATH = """
WITH RECURSIVE path AS (
  SELECT m.id, m.parent_id, m.run_id, 1 AS depth, octet_length(m.parts::text)::bigint AS bytes
  FROM conversations_message m WHERE m.conversation_id = %(conversation)s AND m.id = %(newest)s
  UNION ALL
  SELECT m.id, m.parent_id, m.run_id, path.depth + 1, path.bytes + octet_length(m.parts::text)
  FROM path JOIN conversations_message m ON m.conversation_id = %(conversation)s AND m.id = path.parent_id
  WHERE path.depth < %(messages_max)s AND path.bytes < %(bytes_max)s
)
SELECT id, parent_id, run_id FROM path ORDER BY depth DESC
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """A run with its attempts, references and deliveries. `off_thread` are its messages that are not on the path."""

    run: Run
    messages: tuple[Message, ...]
    off_thread: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Transcript:
    """A page's turns, oldest first. The previous page ends before `earlier`, which is None on the first page.

    `is_cut`: more messages off the thread belong to this page than it shows.
    """

    turns: tuple[Turn, ...]
    earlier: Message | None
    is_cut: bool


@dataclass(frozen=True, slots=True)
class _Window:
    """Where a page ends: its newest message on the thread, and the first message of the next page."""

    newest_id: int | None
    before: Message | None


@dataclass(frozen=True, slots=True)
class _Step:
    message_id: int
    parent_id: int | None
    run_id: int


def matching(conversations: QuerySet[Conversation], *, term: str) -> QuerySet[Conversation]:
    """Those whose public id is the term; if there are none, those whose id or account's name begins with it."""
    exact = _ids(Conversation.objects.filter(public_id=term))
    if exact:
        return conversations.filter(pk__in=exact)
    ids = _ids(Conversation.objects.filter(public_id__startswith=term).order_by(public_ids.backwards()))
    accounts = _ids(Account.objects.filter(name__istartswith=term))
    if not accounts:
        return conversations.filter(pk__in=ids)
    if not ids:
        return conversations.filter(account__in=accounts)
    return conversations.filter(Q(pk__in=ids) | Q(account__in=accounts))


def _ids(rows: QuerySet[Any]) -> list[int]:
    """Keys looked up beforehand, by an index each: one condition over both tables would read the whole list."""
    return list(rows.values_list("pk", flat=True)[:MATCHES_MAX])


def read(*, conversation: Conversation, before: str = "") -> Transcript:
    """The page that ends before the message with this public id; the newest page when there is no such message."""
    window = _window(conversation, before=before)
    path = _path(conversation, newest_id=window.newest_id)
    is_first = not path or path[0].parent_id is None
    run_ids = {step.run_id for step in path}
    branches = _runs_off_thread(conversation, window, after_run_id=0 if is_first else path[0].run_id, known=run_ids)
    elsewhere = _on_other_pages(path, before=window.before)
    off_thread, is_cut = _messages_off_thread(run_ids | set(branches), path, elsewhere=elsewhere)
    messages = Message.objects.defer("provider_metadata").in_bulk([*(step.message_id for step in path), *off_thread])
    return Transcript(
        turns=_turns(run_ids | set(branches), messages=messages, path=path),
        earlier=None if is_first else messages[path[0].message_id],
        is_cut=is_cut or len(branches) == RUNS_OFF_THREAD_MAX,
    )


def _window(conversation: Conversation, *, before: str) -> _Window:
    message = conversation.messages.filter(public_id=before).only("parent_id", "run_id").first() if before else None
    return _Window(newest_id=message.parent_id if message else conversation.head_id, before=message)


def _path(conversation: Conversation, *, newest_id: int | None) -> list[_Step]:
    """From the page's oldest message to its newest."""
    if newest_id is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            PATH,
            {
                "conversation": conversation.pk,
                "newest": newest_id,
                "messages_max": MESSAGES_MAX,
                "bytes_max": PARTS_BYTES_MAX,
            },
        )
        return [_Step(*row) for row in cursor.fetchall()]


def _runs_off_thread(
    conversation: Conversation, window: _Window, *, after_run_id: int, known: set[int]
) -> Sequence[int]:
    """The newest runs from the page's period that have no message on the path: failed and waiting ones."""
    runs = conversation.runs.filter(pk__gt=after_run_id).exclude(pk__in=known)
    if window.before:
        runs = runs.filter(pk__lt=window.before.run_id)
    return list(runs.order_by("-pk").values_list("pk", flat=True)[:RUNS_OFF_THREAD_MAX])


def _on_other_pages(path: Sequence[_Step], *, before: Message | None) -> Q:
    """The messages that the previous and next pages show of runs that they share with this page."""
    older = Q(run=path[0].run_id, pk__lt=path[0].message_id) if path else Q(pk__in=[])
    newer = Q(run=before.run_id, pk__gte=before.pk) if before else Q(pk__in=[])
    return older | newer


def _messages_off_thread(run_ids: set[int], path: Sequence[_Step], *, elsewhere: Q) -> tuple[list[int], bool]:
    """The newest ones that fit on the page, and whether any were left out."""
    newest = (
        Message.objects.filter(~elsewhere, run__in=run_ids)
        .exclude(pk__in=[step.message_id for step in path])
        .order_by("-pk")
        .values_list("pk", flat=True)[: MESSAGES_MAX + 1]
    )
    found = list(newest)
    fit = found[: min(fitting.messages(found, bytes_max=PARTS_BYTES_MAX), MESSAGES_MAX)]
    return fit, len(fit) < len(found)


def _turns(run_ids: set[int], *, messages: dict[int, Message], path: Sequence[_Step]) -> tuple[Turn, ...]:
    """In the order of runs, which is also the path's: a conversation's runs are claimed as they were accepted."""
    on_path = [step.message_id for step in path]
    return tuple(
        Turn(
            run=run,
            messages=tuple(messages[pk] for pk in on_path if messages[pk].run_id == run.pk),
            off_thread=tuple(
                message for pk, message in sorted(messages.items()) if message.run_id == run.pk and pk not in on_path
            ),
        )
        for run in _runs(run_ids)
    )


def _runs(run_ids: set[int]) -> list[Run]:
    """Without the fields that repeat the messages, and without the texts that the page does not show."""
    references = Reference.objects.annotate(shown=Left("content", REFERENCE_SHOWN_CHARS)).defer("content")
    deliveries = Delivery.objects.only("public_id", "run", "destination", "status", "attempts_made")
    runs = (
        Run.objects.filter(pk__in=run_ids)
        .select_related("active", "preset")
        .defer("request", "answer", "preset_text", "preset__text", "preset__parameters")
        .prefetch_related(
            Prefetch("attempts", queryset=RunAttempt.objects.order_by("number")),
            Prefetch("references", queryset=references.order_by("position")),
            Prefetch("deliveries", queryset=deliveries.order_by("pk")),
        )
        .order_by("pk")
    )
    found = list(sources.with_records(runs))
    sources.load(found)
    return found
