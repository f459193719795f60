"""A run's events as `chat.completion.chunk` events (docs/contract C.4).

One event in, at most one write out. What all chunks of a stream share is encoded once; a text costs its own encoding
and two copies. Text stays UTF-8, except for three characters at which some clients break lines.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from conversations.dialects.api import sources
from conversations.dialects.openai import errors
from conversations.dialects.openai.shared import answer_fields
from conversations.dialects.openai.shared.answer_fields import Json
from conversations.errors import ParleyError
from conversations.rules.runs import outcomes
from conversations.values.context.sources import Sourced
from conversations.values.runs import ReplyContext, RunEnded, RunEvent, RunStatus
from conversations.values.tool_calls import required_on_wire
from providers.events import (
    AudioDelta,
    CallStarted,
    ChoiceFinished,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)

DONE = b"data: [DONE]\n\n"
ROLE_WITH_TEXT = b'{"role":"assistant","content":""}'
ROLE_ALONE = b'{"role":"assistant","content":null}'
# `splitlines` and the readers built on it end a line at these: NEL, LINE SEPARATOR, PARAGRAPH SEPARATOR.
_LINE_ENDS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


def encoded(value: Any) -> bytes:
    """JSON that stays on one line for every reader."""
    data = orjson.dumps(value)
    if not data.isascii():
        for char, escape in _LINE_ENDS:
            data = data.replace(char, escape)
    return data


@dataclass(slots=True)
class _Choice:
    """What was written of one choice. `tools`: of each tool call that was begun, whether it is a custom one."""

    is_finished: bool = False
    tools: dict[int, bool] = field(default_factory=dict)


class ChunkStream:
    """`id:` is the position to resume after; it comes before the last chunk of each position."""

    content_type: ClassVar[str] = "text/event-stream; charset=utf-8"
    keep_alive: ClassVar[bytes] = b": PING\n\n"
    object_name: ClassVar[str] = "chat.completion.chunk"

    def __init__(self, context: ReplyContext) -> None:
        self.is_over = False
        self._trace_id = context.trace_id
        self._run_id = context.run_id
        self._wants_usage = bool(context.reply.get("include_usage"))
        self._is_function = bool(context.reply.get("functions"))
        # Many readers stop at the finish of an answer, and which sources it cites is known only when the run ends.
        self._holds_finish = bool(context.reply.get(answer_fields.MAY_HAVE_SOURCES))
        self._held: ChoiceFinished | None = None
        self._choices: dict[int, _Choice] = {}
        # Each makes the chunks of one event; other events have none.
        self._writers: dict[type[Any], Callable[[Any], list[bytes]]] = {
            CallStarted: self._called,
            TextDelta: self._text,
            ReasoningDelta: self._reasoning,
            RefusalDelta: self._refusal,
            ToolCallDelta: self._tool_call,
            AudioDelta: self._audio,
            ChoiceFinished: self._finished,
        }
        head = answer_fields.head(context)
        self._shared: Json = {"id": head["id"], "object": self.object_name, **head}
        self._head = self._encoded_head(self._shared)
        # Where usage is wanted, every chunk but the last has `usage: null`; else none has the member.
        self._tail = b'],"usage":null}\n\n' if self._wants_usage else b"]}\n\n"

    def _encoded_head(self, shared: Json) -> bytes:
        return b"data: " + encoded(shared).removesuffix(b"}") + b',"choices":['

    def feed(self, item: RunEvent) -> bytes:
        """The bytes to write for this event, in one write; often none."""
        event = item.event
        if self.is_over:
            return b""
        if isinstance(event, RunEnded):
            return self._end(event, item.position)
        write = self._writers.get(type(event))
        chunks = write(event) if write else []
        if not chunks:
            return b""
        chunks[-1] = b"id: %d\n%b" % (item.position, chunks[-1])
        return b"".join(chunks)

    def restart(self, position: int) -> bytes:
        """Chunks of another attempt never follow those that the reader has."""
        return self._end(outcomes.BEGUN_ANEW, position) if self._choices else b""

    def skip(self, item: RunEvent) -> None:
        """Takes note of an event whose bytes the reader has already."""
        self.feed(item)

    def _called(self, event: CallStarted) -> list[bytes]:
        """The vendor's facts of the call come before all other events, and are part of every chunk."""
        self._head = self._encoded_head({**answer_fields.of_call(event), **self._shared})
        return []

    def _reasoning(self, event: ReasoningDelta) -> list[bytes]:
        more = {"reasoning_content": event.text} if event.text else {}
        delta = {**answer_fields.vendor_fields(event.provider_metadata), **more}
        return self._delta(event.choice, delta) if delta else []

    def _refusal(self, event: RefusalDelta) -> list[bytes]:
        return self._delta(event.choice, {"refusal": event.text})

    def _audio(self, event: AudioDelta) -> list[bytes]:
        return self._delta(event.choice, {"audio": dict(event.audio)})

    def _text(self, event: TextDelta) -> list[bytes]:
        chunks = [] if event.choice in self._choices else self._begin(event.choice, ROLE_WITH_TEXT)
        delta = b'{"content":%b}' % encoded(event.text)
        chunks.append(self._chunk(event.choice, delta, logprobs=event.logprobs))
        return chunks

    def _delta(self, choice: int, delta: Json) -> list[bytes]:
        chunks = [] if choice in self._choices else self._begin(choice, ROLE_ALONE)
        chunks.append(self._chunk(choice, encoded(delta)))
        return chunks

    def _begin(self, choice: int, role: bytes) -> list[bytes]:
        self._choices[choice] = _Choice()
        return [self._chunk(choice, role)]

    def _chunk(self, choice: int, delta: bytes, *, logprobs: Any = None, reason: bytes = b"null") -> bytes:
        more = b'"logprobs":%b,' % encoded(logprobs) if logprobs else b""
        return b'%b{"index":%d,"delta":%b,%b"finish_reason":%b}%b' % (
            self._head, choice, delta, more, reason, self._tail,
        )  # fmt: skip

    def _tool_call(self, event: ToolCallDelta) -> list[bytes]:
        """First a chunk that names the call, then chunks of its arguments alone."""
        if self._is_function:
            return self._function_call(event)
        chunks: list[bytes] = []
        known = self._choices.get(event.choice)
        if known is None or event.index not in known.tools:
            vendor = answer_fields.vendor_fields(event.provider_metadata)
            chunks = self._delta(event.choice, {"tool_calls": [_begun(event, vendor)]})
            self._choices[event.choice].tools[event.index] = vendor.get("type") == "custom"
        if event.arguments:
            is_custom = self._choices[event.choice].tools[event.index]
            said = {"custom": {"input": event.arguments}} if is_custom else {"function": {"arguments": event.arguments}}
            chunks += self._delta(event.choice, {"tool_calls": [{"index": event.index, **said}]})
        return chunks

    def _function_call(self, event: ToolCallDelta) -> list[bytes]:
        """Only the first call: an answer has only one function_call."""
        if event.index:
            return []
        chunks: list[bytes] = []
        known = self._choices.get(event.choice)
        if known is None or not known.tools:
            chunks = self._delta(event.choice, {"function_call": {"name": event.name or "", "arguments": ""}})
            self._choices[event.choice].tools[0] = False
        if event.arguments:
            chunks += self._delta(event.choice, {"function_call": {"arguments": event.arguments}})
        return chunks

    def _finished(self, event: ChoiceFinished) -> list[bytes]:
        """The vendor's facts of the answer as a whole come with its end."""
        if self._holds_finish and not event.choice:
            self._held = event
            return []
        return self._finish(
            event.choice, event.reason, RunStatus.COMPLETED, answer_fields.vendor_fields(event.provider_metadata)
        )

    def _finish(self, number: int, said: str | None, status: RunStatus, vendor: Json) -> list[bytes]:
        chunks = [] if number in self._choices else self._begin(number, ROLE_WITH_TEXT)
        choice = self._choices[number]
        if choice.is_finished:
            return []
        choice.is_finished = True
        reason = answer_fields.finish_reason(
            said, status=status, has_tool_calls=bool(choice.tools), is_function=self._is_function
        )
        chunks.append(self._chunk(number, encoded(vendor), reason=b'"%b"' % reason.encode()))
        return chunks

    def _end(self, ended: RunEnded, position: int) -> bytes:
        self.is_over = True
        at = b"id: %d\n" % position
        if error := outcomes.failure(ended, has_text=bool(self._choices or self._held)):
            return at + self._error(error)
        if ended.required:
            self._head = self._encoded_head({**self._shared, **required_on_wire(self._run_id, ended.required)})
        chunks = self._last_of_first(ended.sourced) if ended.sourced or self._held else []
        for number in sorted(self._choices) or [0]:
            chunks += self._finish(number, None, ended.status, {})
        if self._wants_usage:
            chunks.append(self._head + b'],"usage":%b}\n\n' % encoded(answer_fields.usage(ended.usage)))
        return b"".join((*chunks, at, DONE))

    def _last_of_first(self, sourced: Sourced) -> list[bytes]:
        """What the first choice says of its sources, and then the finish that was held for it.

        Both in chunks with a choice, because many readers take the first choice of each.
        """
        vendor = answer_fields.vendor_fields(self._held.provider_metadata) if self._held else {}
        chunks = [] if 0 in self._choices else self._begin(0, ROLE_WITH_TEXT)
        if sourced:
            annotations = answer_fields.annotations(vendor, sources.url_annotations(sourced))
            # SDKs that join deltas cannot join two lists of annotations.
            vendor.pop("annotations", None)
            chunk = self._chunk(0, encoded({"annotations": annotations} if annotations else {}))
            said = encoded(sources.members(sourced)).removeprefix(b"{")
            chunks.append(b"%b,%b\n\n" % (chunk.removesuffix(b"}\n\n"), said))
        if self._held:
            chunks += self._finish(0, self._held.reason, RunStatus.COMPLETED, vendor)
        return chunks

    def _error(self, error: ParleyError) -> bytes:
        """No [DONE] follows: SDKs raise the error, and read [DONE] as a good end."""
        return b"data: %b\n\n" % encoded(errors.body(error, trace_id=self._trace_id))


def _begun(event: ToolCallDelta, vendor: Json) -> Json:
    head = {**vendor, "index": event.index, "id": answer_fields.call_id(event.call_id, event.index)}
    if vendor.get("type") == "custom":
        return {**head, "custom": {"name": event.name or "", "input": ""}}
    return {**head, "type": "function", "function": {"name": event.name or "", "arguments": ""}}
