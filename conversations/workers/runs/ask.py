"""Asks the model for the answer to a run. Whatever goes wrong is part of the attempt's result."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import structlog
from django.db import DatabaseError, connection

from conversations import errors, routing
from conversations.dialects import registry as dialects
from conversations.errors import ParleyError
from conversations.queries import runs, steps
from conversations.routing.targets import RoutedTarget
from conversations.rules.conversations import context_window
from conversations.rules.generation import answer_forms
from conversations.rules.money import plausible_usage
from conversations.rules.runs import upstream_errors, wordless_answers
from conversations.rules.runs.run_states import AttemptEnd, AttemptOutcome
from conversations.services.runs import records
from conversations.services.runs.records import PromptInputs
from conversations.stores import refusals
from conversations.values.context.receipts import KeptContext
from conversations.values.context.sources import Gathered, Source
from conversations.values.context.step_records import KeptSources
from conversations.workers.runs import history, prompts
from conversations.workers.runs.attempt import Attempt, AttemptResult
from conversations.workers.runs.budget import UNAFFORDABLE, Budget
from conversations.workers.runs.context import gather, kept
from conversations.workers.runs.context.turn import Beside
from conversations.workers.runs.failover import Failover
from conversations.workers.runs.history import History
from conversations.workers.runs.intents.matching import Matching
from conversations.workers.runs.process import RunHandle, WorkerProcess
from conversations.workers.runs.prompts import Prompt
from conversations.workers.runs.recorder import CallRecorder
from conversations.workers.runs.tools.loop import StepQuestion
from conversations.workers.runs.tools.turn import CallResult, ToolTurn
from providers.answer_size import AnswerMeter
from providers.catalog import Target
from providers.echo.fixed_call import FixedCall
from providers.errors import AnswerTooLong, CallAborted, ContextTooLong, ProviderError
from providers.messages import Usage
from providers.protocols import registry

log = structlog.get_logger(__name__)

# Attempts that leave something for readers, of whatever length.
HAS_ANSWER = (AttemptOutcome.COMPLETED, AttemptOutcome.COST_LIMIT, AttemptOutcome.OUT_OF_BALANCE, AttemptOutcome.PAUSED)


def ask(attempt: Attempt, *, process: WorkerProcess, handle: RunHandle) -> AttemptResult:
    """Asks the model and publishes what comes, until the answer is there or the attempt cannot go on."""
    return _Question(attempt, process=process, handle=handle).result()


class _Question:
    """The question of one attempt, put to the model once or twice. Used by one thread."""

    def __init__(self, attempt: Attempt, *, process: WorkerProcess, handle: RunHandle) -> None:
        self._attempt = attempt
        self._run = attempt.run
        self._live_log = attempt.live_log
        self._process = process
        self._handle = handle
        terms = attempt.run.terms
        self._budget = None if terms is None else Budget(attempt.run, terms)
        self._recorder = CallRecorder(attempt.live_log, handle, self._budget)
        self._failover = self._new_failover()
        self._prompt: Prompt | None = None
        self._gathered: Gathered | None = None
        # What the prompt was made of last, for `_kept`.
        self._history: History | None = None
        self._target: Target | None = None
        self._dropped_before: int | None = None
        self._failed_before: Collection[str] = ()
        # Only of a run whose model may call tools of ours.
        self._tools: ToolTurn | None = None
        # Only of a run that asks for something to be looked up.
        self._beside: Beside | None = None
        # Only of one whose question may satisfy some.
        self._intents: Matching | None = None

    def result(self) -> AttemptResult:
        end = self._end()
        if self._intents is not None:
            self._intents.end(is_wanted=self._handle.aborted_as is None and end.outcome in HAS_ANSWER)
        if not self._live_log.gather() and end.outcome is AttemptOutcome.COMPLETED:
            # Some of the answer cannot be written to the log, so no reader has the whole of it.
            end = AttemptEnd(AttemptOutcome.ERROR, errors.InternalError())
        result = self._result(end)
        return result if self._tools is None else self._tools.joined(result)

    def _result(self, end: AttemptEnd) -> AttemptResult:
        """Of the call that was made last."""
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
            target=self._failover.target,
            moves=self._failover.moves,
            budget=self._budget,
            prompts_sent=recorder.prompts_sent,
            has_sent_prompt=recorder.has_sent_prompt,
            usage_so_far=recorder.usage_so_far,
            sources=self._sources,
            notes=self._notes,
            kept=self._kept(),
            beside=self._beside.untaken() if self._beside else (),
            intents=self._intents.matches if self._intents else (),
        )

    @property
    def _notes(self) -> Mapping[str, str] | None:
        gathered = self._gathered.notes if self._gathered else {}
        return {**gathered, **(self._intents.notes if self._intents else {})} or None

    @property
    def _sources(self) -> tuple[Source, ...]:
        """Those that the model was shown, also by an attempt that has not asked it."""
        if self._prompt is not None:
            return self._prompt.sources
        return (self._gathered.shown or ()) if self._gathered else ()

    def _kept(self) -> KeptContext | None:
        if self._prompt is None or self._target is None or self._history is None:
            return None
        return kept.of(
            self._prompt,
            history=self._history,
            target=self._target,
            gathered=self._gathered,
            dropped_before=self._dropped_before,
            answer_limit=self._budget.answer_limit if self._budget else None,
            window=self._run.context_window,
            has_tools=self._tools is not None,
        )

    def _end(self) -> AttemptEnd:
        try:
            return self._answer()
        except CallAborted:
            return AttemptEnd(self._handle.aborted_as or AttemptOutcome.ERROR)
        except AnswerTooLong:
            return AttemptEnd(AttemptOutcome.TOO_LONG)
        except ProviderError as exc:
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
        draft = self._recorder.assembler if self._tools is None else self._tools.draft
        error = wordless_answers.failure(draft.answer(), needs_words=needs_words)
        return AttemptEnd(AttemptOutcome.COMPLETED) if error is None else AttemptEnd(AttemptOutcome.ERROR, error)

    def _ask_within_window(self) -> AttemptEnd | None:
        run = self._run
        inputs = records.load_prompt_inputs(
            request=run.request_json, messages=run.messages_json, parameters=run.parameters_json
        )
        targets = routing.for_model(run.model, operation=inputs.operation)
        history = self._history = self._read_history(inputs)
        has_tools = inputs.context is not None and bool(inputs.context.tools)
        if inputs.context is not None:
            self._beside = Beside(self._budget)
            if inputs.context.intents:
                self._intents = Matching(run, inputs, process=self._process, beside=self._beside)
        self._gathered = gather.gather(
            run,
            inputs=inputs,
            history=history,
            targets=targets,
            process=self._process,
            handle=self._handle,
            before=self._shown_before() if has_tools and run.attempt > 1 else None,
            beside=self._beside,
        )
        if self._gathered is not None and self._gathered.answer is not None:
            return self._say(self._gathered.answer, inputs)
        preset_text = answer_forms.told(run.preset_text, inputs.answer_form)
        build = partial(prompts.build, inputs=inputs, history=history, preset_text=preset_text)
        if not has_tools:
            return self._ask(targets, partial(build, gathered=self._gathered))
        self._tools = ToolTurn(self._attempt, inputs, handle=self._handle)
        if self._budget is not None:
            self._budget.count_before(self._tools.used_before)
            self._budget.take_over(self._tools.taken_over)
        return self._tools.run(partial(self._ask_again, targets, build))

    def _say(self, answer: str, inputs: PromptInputs) -> AttemptEnd | None:
        """No model is asked."""
        call = FixedCall(answer, choices=inputs.options.get("n") or 1)
        self._handle.attach(call.abort)
        return self._recorder.record(call, is_plausible=lambda _: True)

    def _shown_before(self) -> KeptSources | None:
        try:
            return steps.context_of(account_id=self._run.account_id, run_id=self._run.pk)
        finally:
            connection.close()

    def _ask(self, targets: Sequence[RoutedTarget], build: Callable[..., Prompt]) -> AttemptEnd | None:
        if self._budget is not None:
            targets = self._budget.affordable(targets, lambda target: build(target=target))
        return self._failover.ask(targets, partial(self._ask_target, build), failed_before=self._failed_before)

    def _ask_again(
        self, targets: Sequence[RoutedTarget], build: Callable[..., Prompt], question: StepQuestion, meter: AnswerMeter
    ) -> AttemptEnd | CallResult:
        """One of several calls of a run, with a failover of its own."""
        self._prompt = None
        self._recorder = CallRecorder(question.log, self._handle, self._budget, meter)
        self._failover = self._new_failover()
        try:
            end = self._ask(
                targets,
                partial(build, gathered=self._gathered, options=question.options, steps=question.messages),
            )
        except UNAFFORDABLE as exc:
            if self._budget is None or not question.messages:
                raise
            end = self._budget.end_of(exc)
        if end is not None:
            return end
        result = self._result(AttemptEnd(AttemptOutcome.COMPLETED))
        usage = result.usage(result.draft.answers())
        if self._beside is not None:
            self._beside.take()
        if self._budget is not None and usage is not None:
            self._budget.keep(usage)
        return CallResult(result, usage, self._with_numbers(result.sources))

    def _with_numbers(self, shown: tuple[Source, ...]) -> Gathered | None:
        """The sources keep their numbers from here on. What is to be kept with the step, None where nothing is new."""
        gathered = self._gathered
        if gathered is None or (gathered.shown is not None and len(gathered.shown) == len(shown)):
            return None
        self._gathered = kept.with_numbers(gathered, shown)
        return kept.of_step(self._gathered)

    def _new_failover(self) -> Failover:
        board, recorder = self._process.board, self._recorder
        return Failover(self._run, board=board, recorder=recorder, wait=self._handle.wait)

    def _ask_target(self, build: Callable[..., Prompt], target: Target) -> AttemptEnd | None:
        """A prompt that the vendor counts as too long is shortened once, if anything of it can be left out."""
        prompt = self._prompt = build(target=target)
        self._target, self._dropped_before = target, None
        try:
            return self._call(prompt, target)
        except ContextTooLong:
            shorter = build(target=target, shrink=context_window.RETRY_SHRINK)
            if self._recorder.assembler.has_output or shorter.estimated_tokens >= prompt.estimated_tokens:
                raise
            self._prompt, self._dropped_before = shorter, prompt.dropped
            return self._call(shorter, target)

    def _read_history(self, inputs: PromptInputs) -> History:
        run = self._run
        try:
            if run.attempt > 1:
                self._failed_before = runs.failed_targets(account_id=run.account_id, run_id=run.pk)
            found = history.read(run, cache=self._process.histories, now=time.monotonic())
            return history.shown(found, inputs)
        finally:
            # Reading may have opened a database connection. None is held while the model answers.
            connection.close()

    def _call(self, prompt: Prompt, target: Target) -> AttemptEnd | None:
        budget, recorder = self._budget, self._recorder
        request = prompt.request if budget is None else budget.begin(target, prompt)
        if self._intents is not None:
            self._intents.begin()
        with registry.open_call(request, target, transport=self._process.http, may_go_on=self._may_go_on) as call:
            self._handle.attach(call.abort)
            end = recorder.record(call, is_plausible=partial(self._is_plausible, prompt, target))
        return end if end is not None or budget is None else budget.stopped(recorder.assembler)

    def _may_go_on(self) -> bool:
        """Of the call: not for a run that was stopped, whose vendor is only read to the end of what it says."""
        return self._handle.aborted_as is None and (self._budget is None or self._budget.may_go_on())

    def _is_plausible(self, prompt: Prompt, target: Target, usage: Usage) -> bool:
        found = plausible_usage.is_plausible(
            usage, request=prompt.request, target=target, prompt_tokens=prompt.estimated_tokens
        )
        if not found:
            log.warning(
                "usage_not_plausible",
                run_id=self._run.public_id,
                vendor=target.vendor,
                model=target.model,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
            )
        return found

    def _unforeseen(self, exc: Exception) -> AttemptEnd:
        run_id = self._run.public_id
        if isinstance(exc, DatabaseError) and refusals.is_away(exc):
            # The database went away between the claim and the rest of the history. Nothing was asked yet, so another
            # attempt may succeed.
            log.warning("run_not_begun", run_id=run_id, error=type(exc).__name__)
            return AttemptEnd(AttemptOutcome.WORKER_LOST)
        log.error("run_broke", run_id=run_id, attempt=self._run.attempt, exc_info=exc)
        return AttemptEnd(AttemptOutcome.ERROR, errors.InternalError())
