"""A turn whose model may call tools of ours: the loop with all that it needs, and its calls as one attempt's result."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import DatabaseError, connection

from conversations.queries import steps as step_queries
from conversations.queries.steps import PaidBefore, ShownBefore
from conversations.rules.money import usage_sums
from conversations.rules.runs import tool_calls, tool_limits
from conversations.rules.runs.run_states import AttemptEnd, AttemptOutcome
from conversations.rules.runs.tool_limits import Limits
from conversations.services.runs.records import PromptInputs
from conversations.services.runs.tools import pausing
from conversations.stores import refusals
from conversations.values.context.sources import Gathered
from conversations.values.tool_calls import StepRecord
from conversations.workers.runs.attempt import Attempt, AttemptResult
from conversations.workers.runs.process import RunHandle
from conversations.workers.runs.tools import definitions, room
from conversations.workers.runs.tools.calls import ToolCalls
from conversations.workers.runs.tools.loop import StepAnswer, StepQuestion, Toolbox, ToolLoop
from conversations.workers.runs.tools.shown import ShownAnswer
from conversations.workers.runs.tools.step import Steps
from conversations.workers.runs.tools.store import NotOurs, StepStore
from providers.answer_size import AnswerMeter
from providers.assembly import Assembler
from providers.messages import Usage

# Nobody could read the answer of a turn that is not stored once its reader has left.
CANNOT_WAIT = "The tool was not called: its calls have to be approved, and this turn cannot wait for that."


@dataclass(frozen=True, slots=True)
class CallResult:
    """A call to the model that came to its end, and what it used. `context` as in StepRecord."""

    result: AttemptResult
    usage: Usage | None
    context: Gathered | None = None


AskModel = Callable[[StepQuestion, AnswerMeter], AttemptEnd | CallResult]


class ToolTurn:
    """Of one attempt, used by its thread. `draft` is what readers see of all calls together."""

    def __init__(self, attempt: Attempt, inputs: PromptInputs, *, handle: RunHandle) -> None:
        """Raises InvalidRequest for a tool that is not there any more, and CallAborted."""
        tool_calls.check_choices(inputs.options)
        self._run = attempt.run
        self._handle = handle
        self._meter = AnswerMeter(most=settings.MAX_ANSWER_BYTES)
        self._shown = ShownAnswer(attempt.live_log, self._meter)
        self._done: list[CallResult] = []
        self._is_asking = False
        self._known: list[StepRecord] = []
        self._before: ShownBefore | None = None
        self._paid = PaidBefore()
        if attempt.run.attempt > 1:
            self._read_steps()
        self._loop = self._new_loop(inputs)

    def _new_loop(self, inputs: PromptInputs) -> ToolLoop:
        run, handle, own = self._run, self._handle, room.of_process()
        asked = inputs.context.tools if inputs.context else ()
        tools = definitions.of_run(
            account_id=run.account_id,
            ids=asked,
            param="tools",
            room=own,
            handle=handle,
            goes_on=bool(self._known),
        )
        toolbox = Toolbox.of(tools, inputs.options)
        calls = ToolCalls(call=own.callers.call, threads=own.threads, handle=handle, run_id=run.public_id)
        return ToolLoop(
            toolbox,
            steps=Steps(
                tools=toolbox.tools, calls=calls, store=StepStore(run, handle), why_not_wait=self._why_not_wait
            ),
            limits=Limits(
                steps=settings.TOOL_STEPS,
                calls=tool_limits.CALLS_MAX,
                seconds=settings.RUN_DEADLINE * tool_limits.SECONDS_SHARE,
            ),
            shown=self._shown,
            attempt=run.attempt,
            deadline=handle.deadline,
            known=self._known,
            before=self._before,
        )

    def _read_steps(self) -> None:
        keys = {"account_id": self._run.account_id, "run_id": self._run.pk}
        try:
            self._known = step_queries.of_run(**keys)
            if self._known:
                self._before = step_queries.shown_of(**keys)
                self._paid = step_queries.paid_before(self._known, **keys)
        finally:
            connection.close()

    def _why_not_wait(self) -> str:
        """A run that has begun to wait where there is no room would have to be asked again from its last step."""
        if not self._run.is_stored:
            return CANNOT_WAIT
        try:
            return "" if pausing.has_room(account_id=self._run.account_id) else pausing.TOO_MANY
        except DatabaseError as exc:
            if not refusals.is_away(exc):
                raise
            # The pause looks again.
            return ""
        finally:
            connection.close()

    @property
    def draft(self) -> Assembler:
        return self._shown.draft

    @property
    def used_before(self) -> list[tuple[str, Usage]]:
        """What was used and paid before the run waited for somebody, and the target of each call."""
        paid = [(step.target, step.usage) for step in self._known if step.usage and step.attempt <= self._paid.to]
        beside = [("", usage_sums.with_beside(None, self._paid.beside))] if self._paid.beside else []
        return [*paid, *beside]

    @property
    def taken_over(self) -> list[tuple[str, Usage]]:
        """What attempts used that ended without the run, and whose steps this one goes on from: as if it had asked."""
        return [(step.target, step.usage) for step in self._known if step.usage and step.attempt > self._paid.to]

    def run(self, ask: AskModel) -> AttemptEnd | None:
        """None when the answer is there. Raises what `ask` raises, and as `ToolLoop.run`."""

        def ask_once(question: StepQuestion) -> AttemptEnd | StepAnswer:
            self._is_asking = True
            found = ask(question, self._meter)
            if isinstance(found, AttemptEnd):
                return found
            self._is_asking = False
            self._done.append(found)
            return StepAnswer(found.result.draft.answer(), found.usage, found.result.target, found.context)

        try:
            return self._loop.run(ask_once)
        except NotOurs:
            return AttemptEnd(AttemptOutcome.WORKER_LOST)

    def joined(self, last: AttemptResult) -> AttemptResult:
        """Of the whole attempt. `last`: of the call that was made last, and that may have been broken off."""
        calls = [*(one.result for one in self._done), *([last] if self._is_asking else [])]
        # Where the model could not be asked once more, the prompt that was sent last is the one before.
        sent = next((one for one in reversed(calls) if one.kept), last)
        return replace(
            last,
            kept=replace(sent.kept, notes={**sent.kept.notes, **self._loop.notes}) if sent.kept else None,
            target=last.target or sent.target,
            draft=self._shown.draft,
            answer_bytes=self._meter.size,
            asked=last.draft if self._is_asking else None,
            prompt_tokens=last.prompt_tokens if self._is_asking else None,
            first_token_at=next((one.first_token_at for one in calls if one.first_token_at is not None), None),
            upstream_calls=sum(one.upstream_calls for one in calls),
            moves=[move for one in calls for move in one.moves],
            used=tuple(one.usage for one in self._done if one.usage is not None),
            taken_over=tuple(usage for _, usage in self.taken_over),
            used_before=tuple(usage for _, usage in self.used_before),
            notes={**(last.notes or {}), **self._loop.notes} or None,
            required=self._loop.required,
        )
