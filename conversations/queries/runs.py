"""Runs as their owners ask for them, and as the database can tell them again once Redis cannot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from conversations import errors
from conversations.models import Run
from conversations.queries.keyset import Page, keyset_page
from conversations.relay import replay
from conversations.values.requests import Dialect, Operation
from conversations.values.runs import TERMINAL, ReplyContext, RunEnded, RunEvent, RunStatus
from providers import serialization


@dataclass(frozen=True, slots=True)
class FoundRun:
    """What a reader needs to follow a run it did not ask itself."""

    pk: int
    channel: str
    attempt: int
    dialect: Dialect
    asked: ReplyContext


def for_account(*, account_id: int, run_id: str) -> Run:
    """Raises NotFound when the account has no such run."""
    run = _of_account(account_id).filter(public_id=run_id).first()
    if run is None:
        raise errors.NotFound("run not found")
    return run


def stored_run(*, account_id: int, run_id: str) -> FoundRun:
    """Raises NotFound, also for a run that nothing stores: it has one reader, who asked it."""
    run = for_account(account_id=account_id, run_id=run_id)
    if run.conversation is None or run.conversation.deleted_at is not None:
        raise errors.NotFound("run not found")
    return _found(run, request=run.request or {})


def found_run(*, account_id: int, run_id: str) -> FoundRun:
    """Also one that nothing stores but an idempotency key. Raises NotFound."""
    run = for_account(account_id=account_id, run_id=run_id)
    if run.request is None:
        raise errors.NotFound("run not found")
    return _found(run, request=run.request)


def _found(run: Run, *, request: Mapping[str, Any]) -> FoundRun:
    return FoundRun(
        pk=run.pk,
        channel=run.channel,
        # A run that waits will be answered under its next number; what the last one published no longer counts.
        attempt=run.attempt + (run.status == RunStatus.QUEUED.value),
        dialect=Dialect(run.dialect),
        asked=reply_context(run, request=request),
    )


def reply_context(run: Run, *, request: Mapping[str, Any]) -> ReplyContext:
    return ReplyContext(
        run_id=run.public_id,
        conversation_id=request.get("conversation_id", ""),
        is_stored=run.conversation_id is not None,
        model=run.model,
        trace_id=str(run.trace_id),
        operation=Operation(request.get("operation", Operation.CHAT)),
        reply=request.get("reply", {}),
    )


def page(
    *, account_id: int, conversation_id: str | None, status: str | None, cursor: str | None, limit: int
) -> Page[Run]:
    """The newest first. Raises InvalidRequest when `cursor` is not the id of a run of the account."""
    runs = _of_account(account_id)
    if conversation_id is not None:
        runs = runs.filter(conversation__public_id=conversation_id, conversation__account=account_id)
    if status is not None:
        runs = runs.filter(status=status)
    return keyset_page(runs, owned=Run.objects.for_account(account_id), cursor=cursor, limit=limit)


def _of_account(account_id: int) -> QuerySet[Run]:
    """With their conversations, and without what may be large."""
    runs = Run.objects.for_account(account_id).select_related("conversation")
    return runs.defer("request", "answer", "preset_text")


def have_ended(run_ids: Sequence[int]) -> list[bool]:
    """Of each run whether it has, in their order."""
    ended = set(Run.objects.filter(pk__in=run_ids, status__in=TERMINAL).values_list("pk", flat=True))
    return [run_id in ended for run_id in run_ids]


def ended_run(run_id: int) -> Run | None:
    """What `replay` needs of a run; None while it is not over."""
    fields = ("attempt", "status", "answer", "usage", "error_code", "error_message", "error_facts")
    return Run.objects.filter(pk=run_id, status__in=TERMINAL).only(*fields).first()


def answer_characters(run: Run) -> int:
    """How long the answer of a run is that is over."""
    return sum(entry[2] for entry in (run.answer or {}).get("log", []))


def stored_events(run: Run, *, attempt: int = 0, cut: int = 0, beyond: int = 0) -> Iterator[RunEvent]:
    """The events of a run that is over, as its row tells them.

    Fewer and larger than the log's, but cut at the position `cut` of `attempt`, up to which a reader has had them: what
    is at or before it is for `skip`, what is after it for `feed`. None at or before `beyond`, but the end always.
    Another attempt than the reader's begins anew.
    """
    if attempt != run.attempt:
        cut = beyond = 0
    answer, number = run.answer or {"choices": []}, max(run.attempt, 1)
    log = answer.get("log", [])
    told = replay.events(answer["choices"], call=answer.get("call"), log=log, cut=cut, beyond=beyond)
    for position, event in told:
        yield RunEvent(position, event, number)
    yield RunEvent(len(log) + 1, ended(run), number)


def ended(run: Run) -> RunEnded:
    """The last event of a run that is over."""
    return RunEnded(
        status=RunStatus(run.status),
        finish_reasons=tuple(choice["finish_reason"] or "" for choice in (run.answer or {}).get("choices", [])),
        usage=serialization.load_usage(run.usage) if run.usage else None,
        error_code=run.error_code,
        error_message=run.error_message,
        error_facts=run.error_facts or {},
    )
