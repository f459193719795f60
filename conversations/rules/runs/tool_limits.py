"""How far a run may go with its tools, and how much of what they say its model is shown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from providers import tokens
from providers.messages import Message, TextPart, ToolResultPart

# Under which a run's notes say which limit was reached.
NOTE = "tools"
# Calls of one run, in all its steps.
CALLS_MAX = 32
# The time that all steps of a run may spend with tools. What its tools leave of the run's deadline is the model's.
SECONDS_SHARE = 0.5
# Of what the window has left beside the question.
RESULTS_SHARE = 0.7
CUT = "\n[The rest of this result is left out: it does not fit the model's window.]"


@dataclass(frozen=True, slots=True)
class Limits:
    """`steps`: answers of the model that call tools. `seconds`: spent with tools."""

    steps: int
    calls: int
    seconds: float

    def reached(self, *, steps: int, calls: int, seconds: float) -> str | None:
        """What the model is told, and the run's notes say; None while it may go on calling."""
        if steps >= self.steps:
            return f"the limit of {self.steps} steps with tools is reached"
        if calls >= self.calls:
            return f"the limit of {self.calls} tool calls is reached"
        if seconds >= self.seconds:
            return f"the limit of {self.seconds:g} seconds with tools is reached"
        return None


def no_more(why: str) -> str:
    return f"[No more tools can be called: {why}. Answer now with what you know.]"


@dataclass(frozen=True, slots=True)
class Fitted:
    """The messages of the steps as they are sent. `most`: to how many tokens results were cut, None where none was."""

    messages: tuple[Message, ...] = ()
    most: int | None = None


def fitted(messages: Sequence[Message], *, room: int) -> Fitted:
    """The longest results are cut until all messages have `room` tokens together, if that is possible."""
    total = tokens.estimate_messages(tuple(messages))
    if total <= room:
        return Fitted(tuple(messages))
    sizes = [tokens.estimate_parts(result.parts) for message in messages if (result := _result(message))]
    most = _even(sizes, max(0, room - (total - sum(sizes))))
    return Fitted(cut(messages, most), most)


def cut(messages: Sequence[Message], most: int | None) -> tuple[Message, ...]:
    """With no result longer than `most` tokens."""
    return tuple(messages) if most is None else tuple(_cut(message, most) for message in messages)


def _even(sizes: Sequence[int], room: int) -> int:
    """The size to which the longest are cut, so that all have `room` together."""
    left = room
    for position, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - position)
        if size > share:
            return share
        left -= size
    return max(sizes, default=0)


def _cut(message: Message, most: int) -> Message:
    result = _result(message)
    if result is None or (size := tokens.estimate_parts(result.parts)) <= most:
        return message
    text = "".join(part.text for part in result.parts if isinstance(part, TextPart))
    kept = TextPart(text[: len(text) * most // size] + CUT)
    return replace(message, parts=(replace(result, parts=(kept,)),))


def _result(message: Message) -> ToolResultPart | None:
    part = message.parts[0] if len(message.parts) == 1 else None
    return part if isinstance(part, ToolResultPart) else None
