"""A worker's work on one run: claim it, ask the model, publish what comes, and end it whatever happened."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from functools import partial
from threading import Semaphore

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from conversations import errors, refusals, routing
from conversations import redis_clients as relay
from conversations.errors import ParleyError
from conversations.relay import publish
from conversations.relay.publish import LiveLog
from conversations.rules.conversations import context_window
from conversations.rules.runs import run_states, upstream_errors, wordless_answers
from conversations.rules.runs.run_states import AttemptOutcome, Finish, Requeue
from conversations.services import one_by_one
from conversations.services.runs import finish, records, rows
from conversations.services.runs.finish import AttemptCost, AttemptReport
from conversations.services.runs.rows import ClaimedRun
from conversations.values.runs import RunEnded, RunStatus
from conversations.workers.runs import history, prompts
from conversations.workers.runs import process as worker_process
from conversations.workers.runs.history import History
from conversations.workers.runs.process import LiveRun, WorkerProcess
from conversations.workers.runs.prompts import Prompt
from providers import tokens
from providers.answer_size import AnswerMeter
from providers.assembly import Answer, Assembler
from providers.calls import client
from providers.catalog import Target
from providers.errors import AnswerTooLong, CallAborted, ContextTooLong, ProviderError, UpstreamAuthFailed
from providers.events import CallStarted
from providers.messages import Usage

log = structlog.get_logger(__name__)

ENDINGS = {
    worker_process.CANCEL: AttemptOutcome.CANCELLED,
    worker_process.DEADLINE: AttemptOutcome.DEADLINE,
    worker_process.DRAIN: AttemptOutcome.DRAINED,
}
UNSTORED_LOG_SECONDS = 60
# How often, and after how many seconds each, an end is written again when the database is away.
SETTLE_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
# The end of an answer is its text several times over, as JSON and in the driver: of large ones few are written at once.
LARGE_ANSWER_BYTES = 1_000_000
_room_for_large_ends = Semaphore(2)


def execute(*, run_id: int) -> None:
    """Does nothing when the run is not to be had; otherwise it is ended or put back when this returns."""
    process = worker_process.current()
    if process.is_draining.is_set():
        # The row still says queued: the sweeper wakes another worker.
        return
    run = _claim(run_id, process)
    # No database connection is held while the model talks.
    connection.close()
    if run is None:
        return
    attempt = Attempt(run=run, process=process)
    with process.live_run(run_id=run.pk, deadline_seconds=settings.RUN_DEADLINE) as live:
        attempt.answer(live)
        attempt.settle()


def _claim(run_id: int, process: WorkerProcess) -> ClaimedRun | None:
    """A run whose own row the database refuses to change will never be claimed: it ends, or it would wait for ever."""
    try:
        with process.claiming():
            return rows.claim(run_id=run_id, worker_id=process.worker_id)
    except DatabaseError as exc:
        if not refusals.is_of_the_row(exc):
            raise
        one_by_one.complain("claim", str(run_id), exc)
        finish.fail_queued(run_id=run_id, error=errors.InternalError("The question could not be taken up."))
        return None


class Attempt:
    """One claimed attempt and what came of it. Used by one thread."""

    def __init__(self, *, run: ClaimedRun, process: WorkerProcess) -> None:
        self._run = run
        self._process = process
        self._assembler = Assembler()
        self._meter = AnswerMeter(most=settings.MAX_ANSWER_BYTES)
        self._live_log = LiveLog(
            flusher=process.flusher,
            run_id=run.public_id,
            channel=run.channel,
            attempt=run.attempt,
            # What nothing stores has one reader, who is there now.
            keep_seconds=settings.RUN_LOG_SECONDS if run.is_stored else UNSTORED_LOG_SECONDS,
        )
        self._ending = AttemptOutcome.COMPLETED
        self._error: ParleyError | None = None
        self._is_retryable = False
        self._target: Target | None = None
        self._prompt: Prompt | None = None
        self._first_token_at: float | None = None
        self._request_id = ""
        self._http_calls = 0

    def answer(self, live: LiveRun) -> None:
        """Asks the model; whatever goes wrong is kept as this attempt's ending."""
        try:
            self._ask(live)
            self._judge()
        except CallAborted:
            self._ending = ENDINGS[live.why]
        except AnswerTooLong as exc:
            self._ending = AttemptOutcome.TOO_LONG
            self._log_upstream(exc)
        except ProviderError as exc:
            self._fail(upstream_errors.translate(exc), is_retryable=exc.retryable)
            self._log_upstream(exc)
        except ParleyError as exc:
            self._fail(exc)
        except Exception as exc:
            if isinstance(exc, DatabaseError) and refusals.is_away(exc):
                # It went away between the claim and the rest of the history: nothing was asked, another attempt may.
                log.warning("run_not_begun", run_id=self._run.public_id, error=type(exc).__name__)
                self._ending = AttemptOutcome.WORKER_LOST
                return
            log.exception("run_broke", run_id=self._run.public_id, attempt=self._run.attempt)
            self._fail(errors.InternalError())

    def _fail(self, error: ParleyError, *, is_retryable: bool = False) -> None:
        self._ending, self._error, self._is_retryable = AttemptOutcome.ERROR, error, is_retryable

    def _judge(self) -> None:
        """A whole answer is still a failure where its family has nothing to show of it."""
        error = wordless_answers.failure(self._assembler.answer(), dialect=self._run.dialect)
        if error is not None and self._ending is AttemptOutcome.COMPLETED:
            self._fail(error)

    def _ask(self, live: LiveRun) -> None:
        """A prompt that is too long by the vendor's count is cut once more, if there is anything to cut."""
        run = self._run
        inputs = records.load_prompt_inputs(request=run.request_json, parameters=run.parameters_json)
        target = self._target = routing.target_for(run.model, operation=inputs.operation)
        build = partial(
            prompts.build, inputs=inputs, history=self._history(), preset_text=run.preset_text, target=target
        )
        self._prompt = build()
        try:
            self._call(self._prompt, target, live)
        except ContextTooLong:
            shorter = build(shrink=context_window.RETRY_SHRINK)
            if self._assembler.has_output or shorter.dropped == self._prompt.dropped:
                raise
            self._prompt = shorter
            self._call(shorter, target, live)

    def _history(self) -> History:
        try:
            return history.read(self._run, cache=self._process.histories, now=time.monotonic())
        finally:
            # It may have had to ask; again nothing is held while the model talks.
            connection.close()

    def _call(self, prompt: Prompt, target: Target, live: LiveRun) -> None:
        with client.open_call(prompt.request, target, http=self._process.http) as call:
            live.abort = call.abort
            if live.why:
                call.abort()
            try:
                for event in call:
                    if self._first_token_at is None and not isinstance(event, CallStarted):
                        self._first_token_at = time.monotonic()
                    self._meter.add(event)
                    self._assembler.add(event)
                    self._live_log.add(event)
                    if self._live_log.is_sealed:
                        # We were taken for dead: the run is another attempt's by now, or ended.
                        self._ending = AttemptOutcome.WORKER_LOST
                        return
                    if self._live_log.is_broken:
                        # Its readers can be told no more, so it must not go on to look whole.
                        self._fail(errors.InternalError())
                        return
            finally:
                self._http_calls += call.http_calls
                self._request_id = call.request_id or ""

    def _log_upstream(self, error: ProviderError) -> None:
        """The operator's line. A refused key is theirs to mend, so it stands out; the vendor's words stay out of it."""
        facts = {
            "run_id": self._run.public_id,
            "model": self._run.model,
            "vendor": self._target.vendor if self._target else "",
            "error": type(error).__name__,
            "status": error.status,
            "vendor_code": error.vendor_code,
            "reason": error.reason,
            "request_id": self._request_id,
        }
        if isinstance(error, UpstreamAuthFailed):
            log.error("upstream_refused_our_key", **facts)
        else:
            log.warning("upstream_failed", **facts)

    def settle(self) -> None:
        """Writes the end, then tells the readers. An end that the database refuses is written without the answer."""
        if not self._live_log.gather() and self._ending is AttemptOutcome.COMPLETED:
            self._fail(errors.InternalError())
        verdict = self._verdict(is_streamed=self._run.is_streamed)
        try:
            self._patiently(partial(self._write, verdict))
        except Exception as exc:
            if refusals.is_away(exc):
                raise
            one_by_one.complain("end", self._run.public_id, exc)
            self._patiently(self._end_refused)

    def _patiently(self, write: Callable[[], None]) -> None:
        """A database that is away is asked again for a while. Raises what it refuses at once."""
        for pause in (*SETTLE_PAUSES, None):
            try:
                with self._room_to_write():
                    write()
            except DatabaseError as exc:
                connection.close()
                if pause is None or not refusals.is_away(exc):
                    raise
                log.warning("run_end_not_written", run_id=self._run.public_id, error=type(exc).__name__)
                time.sleep(pause)
            else:
                return

    def _room_to_write(self) -> AbstractContextManager[object]:
        return _room_for_large_ends if self._meter.size > LARGE_ANSWER_BYTES else nullcontext()

    def _verdict(self, *, is_streamed: bool) -> Finish | Requeue:
        return run_states.outcome(
            ending=self._ending,
            is_published=self._live_log.has_published,
            has_text=self._assembler.has_text,
            is_streamed=is_streamed,
            attempt=self._run.attempts_lost + 1,
            max_attempts=settings.RUN_MAX_ATTEMPTS,
            error=self._error,
            is_retryable=self._is_retryable,
        )

    def _write(self, verdict: Finish | Requeue) -> None:
        if isinstance(verdict, Requeue):
            if rows.is_cancel_requested(run_id=self._run.pk):
                self._ending = AttemptOutcome.CANCELLED
            elif self._put_back(verdict):
                return
            # Somebody opened it as a stream since it was claimed, and may have seen text.
            verdict = self._verdict(is_streamed=True)
        if isinstance(verdict, Finish):
            self._finish(verdict)

    def _put_back(self, verdict: Requeue) -> bool:
        return finish.requeue(
            run_id=self._run.pk,
            attempt=self._run.attempt,
            worker_name=self._process.name,
            is_lost=verdict.is_counted,
            is_published=self._live_log.has_published,
            cost=AttemptCost(self._request_id, self._http_calls, self._usage(self._assembler.answers())),
        )

    def _finish(self, verdict: Finish) -> None:
        answers, first_token_at = self._assembler.answers(), self._first_token_at
        ended = self._ended(verdict, answers)
        report = AttemptReport(
            worker_name=self._process.name,
            answers=answers if self._keeps_answer(verdict) else (),
            log_shape=self._live_log.shape,
            ended=ended,
            call=self._assembler.started,
            first_token_age=None if first_token_at is None else timedelta(seconds=time.monotonic() - first_token_at),
            upstream_request_id=self._request_id,
            upstream_calls=self._http_calls,
        )
        if finish.finish(run=self._run, report=report):
            self._live_log.end(ended)
            if ended.status is RunStatus.CANCELLED and not self._run.is_stored:
                rows.forget(run_ids=[self._run.pk])
        else:
            # Ended before, by somebody else or by our own write whose answer was lost: the row knows how.
            publish.notify_readers(relay.client(), channel=self._run.channel)

    def _end_refused(self) -> None:
        ended = finish.fail_refused(
            run_id=self._run.pk,
            attempt=self._run.attempt,
            worker_name=self._process.name,
            is_lost=False,
            upstream_calls=self._http_calls,
        )
        if ended:
            self._live_log.end(ended)
        else:
            publish.notify_readers(relay.client(), channel=self._run.channel)

    def _keeps_answer(self, verdict: Finish) -> bool:
        return verdict.status is RunStatus.COMPLETED or self._assembler.has_output

    def _ended(self, verdict: Finish, answers: Sequence[Answer]) -> RunEnded:
        reasons = tuple(answer.finish_reason or "stop" for answer in answers)
        return RunEnded(
            status=verdict.status,
            finish_reasons=reasons if verdict.status is RunStatus.COMPLETED else (),
            usage=self._usage(answers),
            error_code=verdict.error_code,
            error_message=verdict.error_message,
            error_facts=self._error.facts if self._error and self._error.code == verdict.error_code else {},
        )

    def _usage(self, answers: Sequence[Answer]) -> Usage | None:
        """As reported, else estimated; none for a call that brought nothing."""
        if self._assembler.usage is not None:
            return self._assembler.usage
        if not self._assembler.has_output or self._prompt is None:
            return None
        written = sum(tokens.estimate_parts(answer.parts) for answer in answers)
        return Usage(self._prompt.estimated_tokens, written, source="estimated")
