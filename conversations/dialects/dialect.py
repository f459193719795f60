"""What an API family says of itself: everything that code outside its folders asks of the family of a run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from conversations.errors import ParleyError
from conversations.values.runs import Format, ReplyContext, RunEvent


class ErrorRenderer(Protocol):
    """The form of errors: a family's `errors.py`."""

    def status(self, error: ParleyError) -> int: ...

    def body(self, error: ParleyError, *, trace_id: str) -> dict[str, Any]: ...


class Collector(Protocol):
    """Gathers the events of one run for an answer in one piece."""

    def feed(self, item: RunEvent, /) -> None: ...

    def restart(self) -> None:
        """Drops all events so far: the run was begun anew."""

    def failure(self) -> ParleyError | None:
        """The error to answer with instead; None where there is an answer, and before the run has ended."""

    def answer(self) -> bytes:
        """The JSON of the answer."""


class Stream(Protocol):
    """Turns the events of one run into wire bytes. `keep_alive` is empty where the format has no room for one."""

    content_type: ClassVar[str]
    keep_alive: ClassVar[bytes]
    is_over: bool

    def feed(self, item: RunEvent, /) -> bytes:
        """The bytes to write for this event; often none."""

    def restart(self, position: int, /) -> bytes:
        """The run was begun anew, and its first event has this position. Text of two attempts is never joined."""

    def skip(self, item: RunEvent, /) -> None:
        """Takes note of an event whose bytes the reader has already."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """`name` is kept in `Run.dialect`, so it never changes; at most NAME_MAX_CHARS characters.

    `streams` make the stream of a run in each format it can be streamed in, `collector` the answer in one piece.
    `needs_words`: an answer without any text is a failure (`rules.runs.wordless_answers`).
    `has_document`: the answer is more than a text, so a task shows the JSON of it beside the text (docs/contract A.9).
    `tools_param`: the field that names the account's tools. `shows_cost`: an answer says what it cost.
    """

    name: str
    errors: ErrorRenderer
    streams: Mapping[Format, Callable[[ReplyContext], Stream]]
    collector: Callable[[ReplyContext], Collector]
    needs_words: bool
    has_document: bool
    tools_param: str = "tools"
    shows_cost: bool = False

    @property
    def formats(self) -> tuple[Format, ...]:
        """In which a run can be read."""
        return (*self.streams, Format.JSON)

    def replay(self, context: ReplyContext, events: Iterable[RunEvent]) -> bytes | ParleyError:
        """The answer of an ended run, or the error that is answered instead."""
        collector = self.collector(context)
        for item in events:
            collector.feed(item)
        return collector.failure() or collector.answer()
