"""Runs as their owners ask for them, and as the database can tell them again once Redis cannot."""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from conversations import errors
from conversations.models import Run
from conversations.models.runs import TERMINAL
from conversations.turns import Dialect, RunEnded, RunEvent, RunStatus
from providers import serialization
from providers.events import Event, ReasoningDelta, RefusalDelta, TextDelta
from providers.messages import Part, ReasoningPart, RefusalPart, TextPart

NUL = "\0"
Piece = TextDelta | ReasoningDelta | RefusalDelta


@dataclass(frozen=True, slots=True)
class FoundRun:
    """What a reader needs to follow a run it did not ask itself. `conversation_id` is the public one."""

    pk: int
    public_id: str
    channel: str
    attempt: int
    dialect: Dialect
    conversation_id: str
    trace_id: uuid.UUID


def for_account(*, account_id: int, run_id: str) -> Run:
    """Raises NotFound when the account has no such run."""
    runs = Run.objects.for_account(account_id).select_related("conversation").defer("request", "answer", "preset_text")
    run = runs.filter(public_id=run_id).first() if is_storable(run_id) else None
    if run is None:
        raise errors.NotFound("run not found")
    return run


def is_storable(text: str) -> bool:
    """PostgreSQL knows no text with NUL in it, and refuses even to look for one."""
    return NUL not in text


def stored_run(*, account_id: int, run_id: str) -> FoundRun:
    """Raises NotFound, also for a run that nothing stores: it has one reader, who asked it."""
    run = for_account(account_id=account_id, run_id=run_id)
    if run.conversation is None or run.conversation.deleted_at is not None:
        raise errors.NotFound("run not found")
    return _found(run, conversation_id=run.conversation.public_id)


def found_run(*, account_id: int, run_id: str) -> FoundRun:
    """Also one that nothing stores but an idempotency key. Raises NotFound."""
    run = Run.objects.for_account(account_id).filter(public_id=run_id).first()
    if run is None or run.request is None:
        raise errors.NotFound("run not found")
    return _found(run, conversation_id=run.request["conversation_id"])


def _found(run: Run, *, conversation_id: str) -> FoundRun:
    return FoundRun(
        pk=run.pk,
        public_id=run.public_id,
        channel=run.channel,
        # A run that waits will be answered under its next number; what the last one published no longer counts.
        attempt=run.attempt + (run.status == RunStatus.QUEUED.value),
        dialect=Dialect(run.dialect),
        conversation_id=conversation_id,
        trace_id=run.trace_id,
    )


def page(
    *, account_id: int, conversation_id: str | None, status: str | None, before: str | None, limit: int
) -> list[Run]:
    """Newest first, one more than `limit` when there are more. `before` is the run id the page before ended with.

    Raises InvalidRequest when it is not a run of the account.
    """
    runs = Run.objects.for_account(account_id).select_related("conversation").defer("request", "answer", "preset_text")
    if conversation_id is not None and not is_storable(conversation_id):
        return []
    if conversation_id is not None:
        runs = runs.filter(conversation__public_id=conversation_id, conversation__account=account_id)
    if status is not None:
        runs = runs.filter(status=status)
    if before is not None:
        known = (
            Run.objects.for_account(account_id).filter(public_id=before) if is_storable(before) else Run.objects.none()
        )
        if (last := known.values_list("pk", flat=True).first()) is None:
            raise errors.InvalidRequest("cursor is not one of ours", param="cursor")
        runs = runs.filter(pk__lt=last)
    return list(runs.order_by("-pk")[: limit + 1])


def recorded_events(*, run_id: int, attempt: int, position: int) -> list[RunEvent] | None:
    """An ended run's events as its row tells them, or None while it is not over.

    Fewer and larger than the log's, but cut at `position` of `attempt`, up to which a reader has had them: what is
    at or before it is for `skip`, what is after it for `feed`. Another attempt than the reader's begins anew.
    """
    run = (
        Run.objects.filter(pk=run_id, status__in=TERMINAL)
        .only("attempt", "status", "answer", "usage", "error_code", "error_message")
        .first()
    )
    if run is None:
        return None
    answer = run.answer or {"choices": [], "log": []}
    log = answer.get("log", [])
    at = position if attempt == run.attempt else 0
    number = max(run.attempt, 1)
    events = [RunEvent(at, event, number) for event in _pieces(answer["choices"], log[:at], is_had=True)] if at else []
    events += [RunEvent(len(log), event, number) for event in _pieces(answer["choices"], log[:at], is_had=False)]
    return [*events, RunEvent(len(log) + 1, _ended(run, answer["choices"]), number)]


def _pieces(choices: Sequence[Any], had: Sequence[Any], *, is_had: bool) -> Iterator[Event]:
    """The answer's parts as deltas: only what `had` covers, or only the rest."""
    covered: Counter[tuple[str, int]] = Counter()
    for kind, choice, length in had:
        covered[kind, choice] += length
    for choice in choices:
        for part in serialization.load_parts(choice["parts"]):
            if (delta := _delta(part, choice["index"])) is not None:
                cut = covered[type(delta).__name__, choice["index"]]
                text = delta.text[:cut] if is_had else delta.text[cut:]
                if text:
                    yield type(delta)(text, choice["index"])


def _delta(part: Part, choice: int) -> Piece | None:
    match part:
        case TextPart(text=text):
            return TextDelta(text, choice)
        case ReasoningPart(text=text):
            return ReasoningDelta(text, choice)
        case RefusalPart(text=text):
            return RefusalDelta(text, choice)
    return None


def _ended(run: Run, choices: Sequence[Any]) -> RunEnded:
    return RunEnded(
        status=RunStatus(run.status),
        finish_reasons=tuple(choice["finish_reason"] or "" for choice in choices),
        usage=serialization.load_usage(run.usage) if run.usage else None,
        error_code=run.error_code,
        error_message=run.error_message,
    )
