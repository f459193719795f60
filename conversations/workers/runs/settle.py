"""Writes how an attempt ended: the run's end, or its return to the queue."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from threading import Semaphore

import structlog
from django.conf import settings
from django.db import DatabaseError

from conversations.dialects import registry
from conversations.errors import ServiceUnavailable
from conversations.knowledge.citing import sourcing
from conversations.queries.assistants.intents import INTENTS_NOTE
from conversations.queries.money import costs
from conversations.relay import publish
from conversations.rules.runs import run_states
from conversations.rules.runs.run_states import AttemptOutcome, Finish, Requeue
from conversations.services import one_by_one
from conversations.services.runs import cancel, finish, readers
from conversations.services.runs.finish import AttemptCost, AttemptReport
from conversations.services.runs.tools import pausing
from conversations.services.runs.tools.pausing import PauseOutcome
from conversations.services.transactions import retry_while_away
from conversations.stores import redis_clients, refusals
from conversations.values.context.receipts import KeptContext
from conversations.values.context.sources import NOT_SOURCED, Sourced
from conversations.values.money import Bill
from conversations.values.runs import RunEnded, RunStatus
from conversations.workers.runs.attempt import Attempt, AttemptResult
from providers.messages import Usage

log = structlog.get_logger(__name__)

# Writing an end takes the answer's text several times over, as JSON and in the driver. So of large answers few are
# written at once.
LARGE_ANSWER_BYTES = 1_000_000
NOTHING_USED = Usage(0, 0)
# Of a run whose words somebody has seen: it cannot be asked again from its last step.
CANNOT_WAIT = Finish(RunStatus.FAILED, ServiceUnavailable.code, "Too many runs of the account wait for approvals.")
_large_answer_slots = Semaphore(2)


def settle(attempt: Attempt, result: AttemptResult) -> None:
    """Ends the run or puts it back, then notifies its readers. An end that the database refuses loses its answer.

    Raises DatabaseError when the database stays away. The run's row still says `in_progress` then: this process finds
    it as an orphan later, or the sweep finds it once the process is gone (`recovery`).
    """
    run = attempt.run
    if result.end.outcome is AttemptOutcome.PAUSED:
        _write_safely(attempt, result, partial(_pause, attempt, result))
        return
    decision = run_states.decide(
        result.end,
        is_published=result.is_published,
        has_text=result.draft.has_text,
        is_streamed=run.is_streamed,
        attempt=run.attempts_lost + 1,
        max_attempts=settings.RUN_MAX_ATTEMPTS,
    )
    _write_safely(attempt, result, partial(_write, attempt, result, decision))


def _write_safely(attempt: Attempt, result: AttemptResult, write_end: Callable[[], None]) -> None:
    run = attempt.run
    write = partial(_retry_while_away, public_id=run.public_id, answer_bytes=result.answer_bytes)
    try:
        write(write_end)
    except Exception as exc:
        if refusals.is_away(exc):
            raise
        one_by_one.log_once("end", run.public_id, exc)
        write(partial(_fail_refused, attempt, result))


def _retry_while_away(write: Callable[[], None], *, public_id: str, answer_bytes: int) -> None:
    """Raises at once what the database refuses. While it is away, raises its error only after the last pause."""

    def write_in_slot() -> None:
        with _slot(answer_bytes):
            write()

    def log_away(exc: DatabaseError) -> None:
        log.warning("run_end_not_written", run_id=public_id, error=type(exc).__name__)

    retry_while_away(write_in_slot, log_away=log_away)


def _slot(answer_bytes: int) -> AbstractContextManager[object]:
    return _large_answer_slots if answer_bytes > LARGE_ANSWER_BYTES else nullcontext()


def _write(attempt: Attempt, result: AttemptResult, decision: Finish | Requeue) -> None:
    if isinstance(decision, Finish):
        _finish(attempt, result, decision)
    elif cancel.is_requested(account_id=attempt.run.account_id, run_id=attempt.run.pk):
        _finish(attempt, result, run_states.CANCELLED)
    elif not _requeue(attempt, result, decision) and decision.if_streamed is not None:
        _finish(attempt, result, decision.if_streamed)


def _requeue(attempt: Attempt, result: AttemptResult, decision: Requeue) -> bool:
    return finish.requeue(
        account_id=attempt.run.account_id,
        run_id=attempt.run.pk,
        attempt=attempt.run.attempt,
        worker_name=attempt.worker_name,
        is_lost=decision.is_lost,
        is_published=result.is_published,
        cost=AttemptCost(
            result.upstream_request_id,
            result.upstream_calls,
            result.usage_put_back(result.draft.answers()),
            target=result.target,
            moves=result.moves,
        ),
    )


def _pause(attempt: Attempt, result: AttemptResult) -> None:
    """A run that was to be stopped ends instead; one of an account that has too many waiting goes on without."""
    run = attempt.run
    report = _report(attempt, result, Finish(RunStatus.REQUIRES_ACTION))
    match pausing.pause(run=run, report=report):
        case PauseOutcome.PAUSED:
            attempt.live_log.end(report.ended)
            # Those that it misses end when they have waited for too long.
            one_by_one.try_step("pause", run.public_id, partial(pausing.fail_behind, run=run))
        case PauseOutcome.STOPPED:
            _finish(attempt, result, run_states.CANCELLED)
        case PauseOutcome.TOO_MANY:
            _write(attempt, result, Requeue(is_lost=False, if_streamed=CANNOT_WAIT))
        case PauseOutcome.NOT_OURS:
            _notify_readers(attempt, None)


def _finish(attempt: Attempt, result: AttemptResult, end: Finish) -> None:
    report = _report(attempt, result, end)
    is_ours = finish.finish(run=attempt.run, report=report)
    _notify_readers(attempt, report.ended if is_ours else None)
    if is_ours and end.status is RunStatus.CANCELLED and not attempt.run.is_stored:
        readers.erase_unstored(run_ids=[attempt.run.pk])


def _report(attempt: Attempt, result: AttemptResult, end: Finish) -> AttemptReport:
    draft, answers = result.draft, result.draft.answers()
    is_completed = end.status is RunStatus.COMPLETED
    kept = answers if is_completed or draft.has_output else ()
    usage = result.usage(answers)
    bill = None if end.status is RunStatus.FAILED else result.bill(usage)
    ended = RunEnded(
        status=end.status,
        finish_reasons=tuple(answer.finish_reason or "stop" for answer in answers) if is_completed else (),
        usage=result.whole_usage(usage),
        error_code=end.error_code,
        error_message=end.error_message,
        error_facts=end.error_facts,
        sourced=_sourced(result) if kept else _said_without_words(result, end),
        required=result.required if end.status is RunStatus.REQUIRES_ACTION else (),
        cost=_cost(attempt, result, bill),
    )
    return AttemptReport(
        worker_name=attempt.worker_name,
        answers=kept,
        log_shape=result.log_shape,
        ended=ended,
        usage=(usage or NOTHING_USED) if result.used_before else None,
        call=draft.started,
        first_token_age=_age(result.first_token_at),
        upstream_request_id=result.upstream_request_id,
        upstream_calls=result.upstream_calls,
        target=result.target,
        moves=result.moves,
        kept=_kept(result, has_sources=bool(ended.sourced.sources)),
        bill=bill,
    )


def _cost(attempt: Attempt, result: AttemptResult, bill: Bill | None) -> Decimal:
    """Of the whole run, for the families whose answers say it. Only a run that has waited needs a query for it."""
    run = attempt.run
    if not registry.get(run.dialect).shows_cost:
        return Decimal(0)
    before = costs.paid_before(run.account_id, run.pk) if result.used_before else Decimal(0)
    return before + (bill.cost if bill else 0)


def _sourced(result: AttemptResult) -> Sourced:
    found = NOT_SOURCED
    if result.sources or result.notes:
        found = sourcing.of_answer(result.draft.text, result.sources, result.notes or {})
    return replace(found, intents=result.intents) if result.intents else found


def _said_without_words(result: AttemptResult, end: Finish) -> Sourced:
    """A run that waits for an approval goes on with what it found out of its intents, also that it found nothing out:
    they are asked and paid once.
    """
    if end.status is not RunStatus.REQUIRES_ACTION or not result.intents:
        return NOT_SOURCED
    note = (result.notes or {}).get(INTENTS_NOTE)
    return replace(NOT_SOURCED, intents=result.intents, notes={INTENTS_NOTE: note} if note else {})


def _kept(result: AttemptResult, *, has_sources: bool) -> KeptContext | None:
    """The row of an answer has its sources already."""
    return replace(result.kept, sources=()) if result.kept and has_sources else result.kept


def _age(moment: float | None) -> timedelta | None:
    return None if moment is None else timedelta(seconds=time.monotonic() - moment)


def _fail_refused(attempt: Attempt, result: AttemptResult) -> None:
    ended = finish.fail_refused(
        account_id=attempt.run.account_id,
        run_id=attempt.run.pk,
        attempt=attempt.run.attempt,
        worker_name=attempt.worker_name,
        is_lost=False,
        upstream_calls=result.upstream_calls,
    )
    _notify_readers(attempt, ended)


def _notify_readers(attempt: Attempt, ended: RunEnded | None) -> None:
    """Publishes the end, once it is in the row.

    None: the run had ended before, by somebody else, or by a write of ours whose response was lost. Then only the row
    knows how, and readers are made to look there.
    """
    if ended is not None:
        attempt.live_log.end(ended)
    else:
        publish.notify_readers(redis_clients.client(), channels=[attempt.run.channel])
