"""Asks the model for the answer to a run. Whatever goes wrong is part of the attempt's result."""

import time
from functools import partial

import structlog
from django.db import DatabaseError, connection

from conversations import errors, routing
from conversations.dialects import registry as dialects
from conversations.errors import ParleyError
from conversations.rules.conversations import context_window
from conversations.rules.runs import upstream_errors, wordless_answers
from conversations.rules.runs.run_states import AttemptEnd, AttemptOutcome
from conversations.services.runs import records
from conversations.stores import refusals
from conversations.workers.runs import history, prompts
from conversations.workers.runs.attempt import Attempt, AttemptResult
from conversations.workers.runs.history import History
from conversations.workers.runs.process import RunHandle, WorkerProcess
from conversations.workers.runs.prompts import Prompt
from conversations.workers.runs.recorder import CallRecorder
from providers.catalog import Target
from providers.errors import AnswerTooLong, CallAborted, ContextTooLong, ProviderError, UpstreamAuthFailed
from providers.protocols import registry

log = structlog.get_logger(__name__)


def ask(attempt: Attempt, *, process: WorkerProcess, handle: RunHandle) -> AttemptResult:
    """Asks the model and publishes what comes, until the answer is there or the attempt cannot go on."""
    return _Question(attempt, process=process, handle=handle).result()


class _Question:
    """The question of one attempt, put to the model once or twice. Used by one thread."""

    def __init__(self, attempt: Attempt, *, process: WorkerProcess, handle: RunHandle) -> None:
        self._run = attempt.run
        self._live_log = attempt.live_log
        self._process = process
        self._handle = handle
        self._recorder = CallRecorder(attempt.live_log)
        self._target: Target | None = None
        self._prompt: Prompt | None = None

    def result(self) -> AttemptResult:
        end = self._end()
        if not self._live_log.gather() and end.outcome is AttemptOutcome.COMPLETED:
            # Some of the answer cannot be written to the log, so no reader has the whole of it.
            end = AttemptEnd(AttemptOutcome.ERROR, errors.InternalError())
        recorder = self._recorder
        return AttemptResult(
            end=end,
            draft=recorder.assembler,
            answer_bytes=recorder.answer_bytes,
            is_published=self._live_log.has_published,
            log_shape=self._live_log.shape,
            prompt_tokens=self._prompt.estimated_tokens if self._prompt else None,
            first_token_at=recorder.first_token_at,
            upstream_request_id=recorder.request_id,
            upstream_calls=recorder.http_calls,
        )

    def _end(self) -> AttemptEnd:
        try:
            return self._answer()
        except CallAborted:
            return AttemptEnd(self._handle.aborted_as or AttemptOutcome.ERROR)
        except AnswerTooLong as exc:
            self._log_upstream(exc)
            return AttemptEnd(AttemptOutcome.TOO_LONG)
        except ProviderError as exc:
            self._log_upstream(exc)
            return AttemptEnd(AttemptOutcome.ERROR, upstream_errors.translate(exc), exc.retryable)
        except ParleyError as exc:
            return AttemptEnd(AttemptOutcome.ERROR, exc)
        except Exception as exc:  # noqa: BLE001 — logged there
            return self._unforeseen(exc)

    def _answer(self) -> AttemptEnd:
        """A whole answer is still a failure where its family has nothing to show of it."""
        end = self._ask_within_window()
        if end is not None:
            return end
        needs_words = dialects.get(self._run.dialect).needs_words
        error = wordless_answers.failure(self._recorder.assembler.answer(), needs_words=needs_words)
        return AttemptEnd(AttemptOutcome.COMPLETED) if error is None else AttemptEnd(AttemptOutcome.ERROR, error)

    def _ask_within_window(self) -> AttemptEnd | None:
        """A prompt that the vendor counts as too long is shortened once, if anything of it can be left out."""
        run = self._run
        inputs = records.load_prompt_inputs(
            request=run.request_json, messages=run.messages_json, parameters=run.parameters_json
        )
        target = self._target = routing.target_for(run.model, operation=inputs.operation)
        build = partial(
            prompts.build, inputs=inputs, history=self._history(), preset_text=run.preset_text, target=target
        )
        prompt = self._prompt = build()
        try:
            return self._call(prompt, target)
        except ContextTooLong:
            shorter = build(shrink=context_window.RETRY_SHRINK)
            if self._recorder.assembler.has_output or shorter.dropped == prompt.dropped:
                raise
            self._prompt = shorter
            return self._call(shorter, target)

    def _history(self) -> History:
        try:
            return history.read(self._run, cache=self._process.histories, now=time.monotonic())
        finally:
            # Reading may have opened a database connection. None is held while the model answers.
            connection.close()

    def _call(self, prompt: Prompt, target: Target) -> AttemptEnd | None:
        with registry.open_call(prompt.request, target, transport=self._process.http) as call:
            self._handle.attach(call.abort)
            return self._recorder.record(call)

    def _unforeseen(self, exc: Exception) -> AttemptEnd:
        run_id = self._run.public_id
        if isinstance(exc, DatabaseError) and refusals.is_away(exc):
            # The database went away between the claim and the rest of the history. Nothing was asked yet, so another
            # attempt may succeed.
            log.warning("run_not_begun", run_id=run_id, error=type(exc).__name__)
            return AttemptEnd(AttemptOutcome.WORKER_LOST)
        log.error("run_broke", run_id=run_id, attempt=self._run.attempt, exc_info=exc)
        return AttemptEnd(AttemptOutcome.ERROR, errors.InternalError())

    def _log_upstream(self, error: ProviderError) -> None:
        """For the operator, without the vendor's text. A refused key is an error: only the operator can replace it."""
        facts = {
            "run_id": self._run.public_id,
            "model": self._run.model,
            "vendor": self._target.vendor if self._target else "",
            "error": type(error).__name__,
            "status": error.status,
            "vendor_code": error.vendor_code,
            "reason": error.reason,
            "request_id": self._recorder.request_id,
        }
        if isinstance(error, UpstreamAuthFailed):
            log.error("upstream_refused_our_key", **facts)
        else:
            log.warning("upstream_failed", **facts)
