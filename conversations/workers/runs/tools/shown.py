"""What the readers of a run see of its steps: one answer. Calls of our tools are none of their business."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from conversations.relay.publish import LiveLog
from conversations.rules.runs import tool_calls
from providers import finish_reasons
from providers.answer_size import AnswerMeter
from providers.assembly import Assembler
from providers.events import (
    CallStarted,
    ChoiceFinished,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from providers.messages import Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart

BETWEEN_STEPS = "\n\n"


class ShownAnswer:
    """The answer of all steps. `draft` is what its readers have seen of it. `meter`: of the whole run."""

    def __init__(self, live_log: LiveLog, meter: AnswerMeter) -> None:
        self.live_log = live_log
        self.meter = meter
        self.draft = Assembler()
        self._has_text = False
        self._is_apart = True

    def add(self, event: StreamEvent) -> None:
        self._note(event)
        self.live_log.add(event)

    def replay(self, events: Sequence[StreamEvent]) -> None:
        """All that was shown before the run began to wait. Raises AnswerTooLong."""
        for event in events:
            self.meter.add(event)
            self._note(event)
        self.live_log.replay(events)

    def _note(self, event: StreamEvent) -> None:
        if isinstance(event, TextDelta) and event.text:
            self._is_apart = event.text[-1].isspace()
            self._has_text = True
        self.draft.add(event)

    def separate(self, text: str) -> None:
        """Before the first words of a further step."""
        if self._has_text and not self._is_apart and text and not text[0].isspace():
            self.add(TextDelta(BETWEEN_STEPS))


class StepLog:
    """The events of one call to the model on their way to the readers: a LiveLog, as far as a recorder uses one.

    `is_ours` says of a tool's name whether calls of it are ours. `is_last`: the model has no more tools of ours, so the
    answer ends however it ends.
    """

    def __init__(
        self, shown: ShownAnswer, *, is_ours: Callable[[str], bool], is_first: bool, is_last: bool = False
    ) -> None:
        self._shown = shown
        self._is_ours = is_ours
        self._is_first = is_first
        self._is_last = is_last
        self._has_words = False
        self._hidden: set[int] = set()
        # The callers' calls are numbered anew: SDKs take the numbers for places in a list.
        self._numbers: dict[int, int] = {}

    @property
    def is_fenced(self) -> bool:
        return self._shown.live_log.is_fenced

    @property
    def is_broken(self) -> bool:
        return self._shown.live_log.is_broken

    def add(self, event: StreamEvent) -> None:
        if (seen := self._visible(event)) is None:
            return
        if isinstance(seen, TextDelta) and not self._has_words and seen.text:
            self._has_words = True
            self._shown.separate(seen.text)
        self._shown.add(seen)

    def replay(self, parts: Iterable[Part]) -> None:
        """An answer of an earlier attempt, as it was shown then. Raises AnswerTooLong."""
        for event in self._events(parts):
            self._shown.meter.add(event)
            self.add(event)

    def _events(self, parts: Iterable[Part]) -> Iterator[StreamEvent]:
        number = 0
        for part in parts:
            match part:
                case ReasoningPart():
                    yield ReasoningDelta(part.text, provider_metadata=part.provider_metadata)
                case TextPart():
                    yield TextDelta(part.text)
                case RefusalPart():
                    yield RefusalDelta(part.text)
                case ToolCallPart():
                    call = (part.call_id, part.name, part.arguments)
                    yield ToolCallDelta(number, *call, provider_metadata=part.provider_metadata)
                    number += 1
                case _:
                    pass
        if number:
            yield ChoiceFinished(finish_reasons.TOOL_CALLS)

    def _visible(self, event: StreamEvent) -> StreamEvent | None:
        match event:
            case UsageReported():
                # Of one call; the end of the run has the sum.
                return None
            case CallStarted():
                return event if self._is_first else None
            case ToolCallDelta():
                return self._call(event)
            case ChoiceFinished() if self._hidden and not self._numbers and tool_calls.are_whole(event.reason):
                return replace(event, reason=finish_reasons.STOP) if self._is_last else None
            case _:
                return event

    def _call(self, event: ToolCallDelta) -> ToolCallDelta | None:
        if event.index not in self._numbers and event.index not in self._hidden:
            if self._is_ours(event.name or ""):
                self._hidden.add(event.index)
            else:
                self._numbers[event.index] = len(self._numbers)
        number = self._numbers.get(event.index)
        return None if number is None else replace(event, index=number)
