"""Asks a run's model, makes the calls of our tools that it asks for, and asks again with their results.

Every step is written down before its calls are made, so that another attempt of the run goes on from there. Where a
limit is reached the model is asked once more, without tools and told why, so that there is an answer.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conversations.queries.steps import ShownBefore
from conversations.rules.runs import tool_calls as rules
from conversations.rules.runs import tool_limits
from conversations.rules.runs.run_states import AttemptEnd, AttemptOutcome
from conversations.rules.runs.tool_limits import Limits
from conversations.tools import declarations
from conversations.values.context.sources import Gathered
from conversations.values.tool_calls import RequiredCall, StepRecord
from conversations.values.tools import ToolDefinition
from conversations.workers.runs.tools.shown import ShownAnswer, StepLog
from conversations.workers.runs.tools.step import Steps
from providers.assembly import Answer
from providers.messages import Message, ToolCallPart, Usage

PAUSED = AttemptEnd(AttemptOutcome.PAUSED)


@dataclass(frozen=True, slots=True)
class StepQuestion:
    """What the model is asked with: the options with its tools, and the steps before, behind the conversation.

    `log` takes the events of the answer.
    """

    options: Mapping[str, Any]
    messages: tuple[Message, ...]
    log: StepLog


@dataclass(frozen=True, slots=True)
class StepAnswer:
    """An answer of the model that came to its end. `target` is the one that gave it. `context` as in StepRecord."""

    answer: Answer
    usage: Usage | None
    target: str
    context: Gathered | None = None


# Asks the model. The attempt's end where there is no whole answer.
AskModel = Callable[[StepQuestion], AttemptEnd | StepAnswer]


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools of ours under the names that the model knows them by, and the caller's own options."""

    tools: Mapping[str, ToolDefinition]
    options: Mapping[str, Any]

    @classmethod
    def of(cls, tools: Sequence[ToolDefinition], options: Mapping[str, Any]) -> "Toolbox":
        callers = rules.names_of(options.get(rules.TOOLS))
        return cls({tool.name: tool for tool in declarations.named(tools, taken=callers)}, options)

    def is_ours(self, name: str) -> bool:
        return rules.is_ours(name, ours=self.tools, callers=rules.names_of(self.options.get(rules.TOOLS)))

    def offered(self, *, is_first: bool, may_call: bool) -> Mapping[str, Any]:
        """The options of the next question."""
        ours = [declarations.declared(tool) for tool in self.tools.values()] if may_call else []
        return rules.offered(self.options, ours=ours, is_first=is_first)


class ToolLoop:
    """Of one attempt, used by its thread. `known` are the steps of earlier ones, `before` what readers saw of them.

    `notes` say which limit was reached.
    """

    def __init__(
        self,
        toolbox: Toolbox,
        *,
        steps: Steps,
        limits: Limits,
        shown: ShownAnswer,
        attempt: int,
        deadline: float,
        known: Sequence[StepRecord] = (),
        before: ShownBefore | None = None,
    ) -> None:
        self._toolbox = toolbox
        self._maker = steps
        self._limits = limits
        self._shown = shown
        self._attempt = attempt
        self._deadline = deadline
        self._known = tuple(known)
        self._before = before
        self._steps: list[StepRecord] = []
        self._why: str | None = None
        self.notes: dict[str, str] = {}

    def run(self, ask: AskModel) -> AttemptEnd | None:
        """None when the answer is there.

        Raises what `ask` raises; CallAborted, NotOurs, AnswerTooLong, and DatabaseError for a step that cannot be
        written.
        """
        if self._before is not None:
            self._shown.replay(self._before.events)
        for step in self._known:
            if self._before is None or step.attempt > self._before.attempt:
                self._log().replay(step.parts)
            self._took(self._maker.take_up(step, seconds=self._seconds_left()))
            if self.required:
                return PAUSED
        while not (self._steps and self._steps[-1].is_last):
            found = ask(self._question())
            if isinstance(found, AttemptEnd):
                return found
            written, others = self._calls(found.answer)
            if not written:
                return None
            step = StepRecord(
                number=len(self._steps) + 1,
                attempt=self._attempt,
                parts=others,
                calls=(),
                metadata=found.answer.provider_metadata,
                usage=found.usage,
                target=found.target,
                context=found.context,
            )
            self._took(self._maker.take(step, written, seconds=self._seconds_left()))
            if self.required:
                return PAUSED
        return None

    @property
    def required(self) -> tuple[RequiredCall, ...]:
        """What somebody has to agree to before the run goes on."""
        calls = self._steps[-1].calls if self._steps else ()
        return tuple(RequiredCall(call.call_id, call.name, call.arguments) for call in calls if call.waits)

    def _calls(self, answer: Answer) -> tuple[list[ToolCallPart], tuple[Any, ...]]:
        """The calls of ours that are made, as far as the limit goes; and the other parts of the answer."""
        found = [part for part in answer.parts if isinstance(part, ToolCallPart) and self._toolbox.is_ours(part.name)]
        others = tuple(part for part in answer.parts if part not in found)
        if self._why is not None or not rules.are_whole(answer.finish_reason):
            return [], others
        return found[: max(1, self._limits.calls - self._made)], others

    @property
    def _made(self) -> int:
        return sum(len(step.calls) for step in self._steps)

    def _took(self, step: StepRecord) -> None:
        self._steps.append(step)
        self._why = self._maker.why_no_more or self._limits.reached(
            steps=len(self._steps), calls=self._made, seconds=self._maker.seconds
        )
        if self._why is not None:
            self.notes[tool_limits.NOTE] = self._why

    def _seconds_left(self) -> float:
        return max(0.0, min(self._limits.seconds - self._maker.seconds, self._deadline - time.monotonic()))

    def _question(self) -> StepQuestion:
        messages: list[Message] = []
        for step in self._steps:
            is_told = self._why is not None and step is self._steps[-1]
            messages += step.messages(note=tool_limits.no_more(self._why or "") if is_told else "")
        may_call = self._why is None
        options = self._toolbox.offered(is_first=not self._steps, may_call=may_call)
        return StepQuestion(options, tuple(messages), self._log(is_last=not may_call))

    def _log(self, *, is_last: bool = False) -> StepLog:
        is_ours = self._toolbox.is_ours
        return StepLog(self._shown, is_ours=is_ours, is_first=not self._steps, is_last=is_last)
