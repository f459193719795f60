"""Runs as their owners ask for them, and the events of ended runs, for readers whom Redis cannot serve."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import F, Q

from conversations import errors
from conversations.models import Conversation, Run, RunAttempt
from conversations.models.runs.runs import ENDS_SAID, RunRows
from conversations.queries import answers, sources
from conversations.queries.keyset import Page, Within, find_key, keyset_page
from conversations.relay import replay
from conversations.values.requests import Operation
from conversations.values.runs import ACTIVE, ReplyContext, RunEnded, RunEvent, RunStatus
from conversations.values.tool_calls import load_required
from providers import serialization


@dataclass(frozen=True, slots=True)
class FoundRun:
    """What a reader needs to follow a run that another request began. `dialect` is a name of the registry."""

    pk: int
    channel: str
    attempt: int
    dialect: str
    context: ReplyContext


def for_account(*, account_id: int, run_id: str) -> Run:
    """Raises NotFound when the account has no such run."""
    run = _of_account(account_id).filter(public_id=run_id).first()
    if run is None:
        raise errors.NotFound("run not found")
    return run


def in_detail(*, account_id: int, run_id: str) -> Run:
    """As `for_account`, also with what its answer says of its sources (`sources.of`), and whose it is (`assisted`)."""
    whole = _of_account(account_id).select_related("assisted__assistant", "assisted__visitor__merged_into")
    run = sources.with_records(whole).filter(public_id=run_id).first()
    if run is None:
        raise errors.NotFound("run not found")
    sources.load([run])
    return run


def stored_run(*, account_id: int, run_id: str) -> FoundRun:
    """Raises NotFound, also for a run that is not stored: only its caller reads it, once."""
    run = for_account(account_id=account_id, run_id=run_id)
    if run.conversation is None or run.conversation.deleted_at is not None:
        raise errors.NotFound("run not found")
    return _found(run, request=run.request or {})


def found_run(*, account_id: int, run_id: str) -> FoundRun:
    """As `stored_run`, but also finds a run that is not stored and that an idempotency key keeps. Raises NotFound."""
    run = for_account(account_id=account_id, run_id=run_id)
    is_deleted = run.conversation is not None and run.conversation.deleted_at is not None
    if run.request is None or is_deleted:
        raise errors.NotFound("run not found")
    return _found(run, request=run.request)


def _found(run: Run, *, request: Mapping[str, Any]) -> FoundRun:
    return FoundRun(
        pk=run.pk,
        channel=run.channel,
        # A queued run is answered under its next attempt number; what the attempt before published no longer counts.
        attempt=run.progress.attempt + (run.status is RunStatus.QUEUED),
        dialect=run.dialect,
        context=reply_context(run, request=request),
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
    runs = _without_bulk(Run.objects.all())
    within = None
    if conversation_id is not None:
        within = Within("conversation", find_key(Conversation.objects.for_account(account_id), conversation_id))
    elif status in ENDS_SAID:
        # An account may have only few of these, millions of rows apart: they have an index.
        within, status = Within("ended_as", status, ~Q(ended_as="")), None
    elif status in ACTIVE:
        # By the account's active rows: from its runs, of which hardly any is active, all of them would be read.
        within, status = Within("active__status", status, Q(active__account=F("account"))), None
    if status is not None:
        runs = runs.with_status(status)
    return keyset_page(
        runs,
        account_id=account_id,
        cursor=cursor,
        limit=limit,
        within=within,
        is_filtered=status == RunStatus.COMPLETED,
    )


def _of_account(account_id: int) -> RunRows:
    return _without_bulk(Run.objects.for_account(account_id))


def _without_bulk(runs: RunRows) -> RunRows:
    """With what is active of them and their conversations, and without what may be large."""
    return runs.select_related("active", "conversation").defer("request", "answer", "preset_text")


def account_of(*, run_id: int) -> int | None:
    """None when there is no such run."""
    return Run.objects.filter(pk=run_id).values_list("account_id", flat=True).first()


def attempts(*, account_id: int, run_id: int) -> list[RunAttempt]:
    """Those that have ended, the first one first."""
    return list(RunAttempt.objects.for_account(account_id).filter(run=run_id).order_by("number"))


def failed_targets(*, account_id: int, run_id: int) -> set[str]:
    """The names of the targets that failed in the run's earlier attempts, since it last waited for an approval: that
    may be days ago.
    """
    found: set[str] = set()
    for attempt in attempts(account_id=account_id, run_id=run_id):
        if attempt.outcome == RunAttempt.Outcome.REQUIRES_ACTION:
            found.clear()
            continue
        found |= {move["target"] for move in attempt.moves or ()}
        if attempt.outcome == RunAttempt.Outcome.LOST and attempt.target:
            found.add(attempt.target)
    return found


def have_ended(run_ids: Sequence[int]) -> list[bool]:
    """Of each run whether it has ended, or waits for an approval, in the order of `run_ids`."""
    ended = set(Run.objects.readable().filter(pk__in=run_ids).values_list("pk", flat=True))
    return [run_id in ended for run_id in run_ids]


def ended_run(run_id: int) -> Run | None:
    """With all that `stored_events` needs, so that it makes no query; None while the run goes on."""
    fields = ("account", "attempt", "ended_as", "finished_at", "answer", "usage")
    more = ("error_code", "error_message", "error_facts", "active__status")
    run = Run.objects.readable().select_related("active").filter(pk=run_id).only(*fields, *more).first()
    if run is not None:
        answers.load([run])
        sources.load([run])
    return run


def answer_characters(run: Run) -> int:
    """How many characters the answer of an ended run has."""
    return sum(entry[2] for entry in (run.answer or {}).get("log", []))


def stored_events(run: Run, *, cut: int = 0, beyond: int = 0) -> Iterator[RunEvent]:
    """The stored answer of an ended run as events after the position `beyond`, split at `cut`; then the RunEnded.

    The events are fewer and larger than those of the log. None reaches across `cut`, up to which a reader has them:
    what is at or before it is for `Stream.skip`, what is after it for `Stream.feed`.
    """
    answer = run.answer or {}
    log = answer.get("log", [])
    replayed = replay.events(answers.choices(run), call=answer.get("call"), log=log, cut=cut, beyond=beyond)
    for position, event in replayed:
        yield RunEvent(position, event)
    yield RunEvent(len(log) + 1, ended(run))


def ended(run: Run) -> RunEnded:
    """The last event of an ended run."""
    answer = run.answer or {}
    return RunEnded(
        status=run.status,
        finish_reasons=tuple(choice.get("finish_reason") or "" for choice in answer.get("choices", [])),
        usage=serialization.load_usage(run.usage) if run.usage else None,
        error_code=run.error_code,
        error_message=run.error_message,
        error_facts=run.error_facts or {},
        sourced=sources.of(run),
        required=load_required(answer.get("required", ())) if run.is_active else (),
        cost=Decimal(answer.get("cost", 0)),
    )
