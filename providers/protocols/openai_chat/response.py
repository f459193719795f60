"""Payloads of an answer, streamed or whole, as events. Odd shapes are read as far as they make sense.

Whatever leaves here can be stored and written: see `providers/untrusted.py`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from providers import answer_size, finish_reasons, untrusted
from providers.errors import ProviderError, UpstreamCut, UpstreamEmpty, UpstreamGarbled, UpstreamUnavailable
from providers.events import CallStarted, ChoiceFinished, StreamEvent, TextDelta, UsageReported
from providers.messages import Usage
from providers.protocols.openai_chat import call_fields, usage
from providers.protocols.openai_chat.choice import Choice, reason_of
from providers.protocols.openai_chat.errors import in_answers, reading
from providers.protocols.openai_chat.held import Held
from providers.protocols.openai_chat.numbers import integer

# What a request may ask for at most.
MAX_CHOICES = 2048
_DONE = re.compile(rb"\W*DONE\W*", re.IGNORECASE)
_BEAT = re.compile(rb"\W*(ping|pong|keep\W?alive|heart\W?beat)\b.{0,100}", re.IGNORECASE | re.DOTALL)
_BEAT_KINDS = frozenset({"ping", "pong", "keepalive", "keep-alive", "keep_alive", "heartbeat"})
_ERROR_KIND = "error"
# Why an answer may hold nothing and still be one: its vendor took the words away, or thoughts took all its room.
_WORDLESS = frozenset({finish_reasons.CONTENT_FILTER, finish_reasons.LENGTH})
# DeepSeek's word for a failure of its own, which reads as an answer that was cut; of nothing there is nothing to cut.
_INTERRUPTED = "insufficient_system_resource"

Json = dict[str, Any]


class ResponseReader:
    """Reads one answer. `secret` is our key, kept out of error messages.

    `may_be_silent`: an answer of nothing is one, when it was well ended; elsewhere it is an UpstreamEmpty. Until
    something is said only the start of the call is told: whoever says nothing can still be asked again.
    """

    # What a body may come to in any case, though answers are to be shorter.
    LARGEST_BODY_BYTES: ClassVar[int] = 0

    def __init__(
        self,
        *,
        vendor: str,
        label: str,
        secret: str = "",
        request_id: str | None = None,
        may_be_silent: bool = False,
    ) -> None:
        self._vendor = vendor
        self._label = label
        self._secret = secret
        self._request_id = request_id
        self._may_be_silent = may_be_silent
        self._origin = ""
        self._usage: Usage | None = None
        self._told_usage: Usage | None = None
        self._choices: dict[int, Choice] = {}
        self._strays: dict[int, int] = {}
        self._unfinished = 0
        self._kept_back: list[StreamEvent] = []
        self._held = Held()
        self._has_spoken = False
        self.has_begun = False
        # The vendor has said all it meant to: [DONE], or a finish_reason for every choice it began.
        self.is_complete = False
        self.is_done = False

    def read(self, payload: bytes, kind: bytes = b"") -> list[StreamEvent]:
        """`kind` is the name of the event the payload came in.

        Raises UpstreamGarbled for what is not JSON, and the fitting ProviderError for an error object. Whatever
        garbage comes after a complete answer is passed over.
        """
        try:
            found = self._read_json(payload) if not kind and payload[:1] == b"{" else self._read_odd(payload, kind)
        except UpstreamGarbled:
            if not self.is_complete:
                raise
            return []
        return found if self._has_spoken else self._held_back(found)

    def read_whole(self, body: bytes) -> list[StreamEvent]:
        """A plain `chat.completion`, as some gateways answer though a stream was asked for; or chunks, as an array or
        one a line. Raises as `read`.
        """
        try:
            value = untrusted.loads(body)
        except ValueError:
            value, found = None, self.read(body)
        else:
            found = self._held_back(self._read_chunk(value) if isinstance(value, dict) else self._read_several(value))
        is_one = isinstance(value, dict) and isinstance(value.get("choices"), list)
        if not (is_one or (self._choices and not isinstance(value, dict))):
            raise UpstreamGarbled(f"{self._label} answered with something that is no chat completion.")
        self.is_done = self.is_complete = is_one or self.is_complete
        return found

    def finish(self) -> list[StreamEvent]:
        """What is left to say at the end of the body.

        Raises UpstreamCut when the answer has neither finish_reasons nor [DONE], UpstreamEmpty when it has nothing.
        """
        if not self.is_complete:
            raise UpstreamCut(f"{self._label} broke off in the middle of its answer.")
        found = [] if self.has_begun else self._start({})
        found += [event for choice in self._choices.values() for event in choice.end()]
        found = [*self._held_back(found), *self._kept_back, *self._report_usage()]
        if not (self._has_spoken or self._is_silent_with_reason()):
            raise UpstreamEmpty(f"{self._label} answered with nothing.", request_id=self._request_id)
        return found

    def _read_odd(self, payload: bytes, kind: bytes) -> list[StreamEvent]:
        """Whatever is not a plain chunk."""
        payload, name = payload.strip(), kind.decode("latin-1").strip().lower()
        if _DONE.fullmatch(payload):
            self.is_done = self.is_complete = True
            return []
        if name == _ERROR_KIND:
            raise self._failure(in_answers.of_event(_value_or_text(payload)))
        if _is_beat(name) or _BEAT.fullmatch(payload):
            return []
        return self._read_json(payload)

    def _read_json(self, payload: bytes) -> list[StreamEvent]:
        try:
            value = untrusted.loads(payload)
        except ValueError as exc:
            return self._read_lines(payload.splitlines(), exc)
        return self._read_chunk(value) if isinstance(value, dict) else self._read_several(value)

    def _read_several(self, value: Any) -> list[StreamEvent]:
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return [event for chunk in value for event in self._read_chunk(chunk)]
        raise UpstreamGarbled(f"{self._label} sent something that is not a chunk.")

    def _read_lines(self, lines: list[bytes], error: ValueError) -> list[StreamEvent]:
        """Some forget the empty line between events, or the word `data:` before them."""
        if len(lines) < 2:  # noqa: PLR2004 — one line is what could not be read
            raise UpstreamGarbled(f"{self._label} sent something that is not JSON.") from error
        return [event for line in lines if line.strip() for event in self._read_odd(line, b"")]

    def _read_chunk(self, chunk: Json) -> list[StreamEvent]:
        choices = chunk.get("choices")
        if not choices or "error" in chunk:
            if _is_beat(chunk.get("type")):
                return []
            if failure := in_answers.told_by(chunk):
                raise self._failure(failure)
        found: list[StreamEvent] = [] if self.has_begun else self._start(chunk)
        if choices:
            for wire in choices if isinstance(choices, list) else [choices]:
                if isinstance(wire, dict):
                    self._read_choice(wire, found)
        if chunk.get("usage"):
            self._usage = usage.larger(self._usage, usage.read(chunk["usage"]))
            # Some repeat a running count in every chunk: only one that comes after the words is final.
            if not (choices or self._unfinished):
                found += self._report_usage()
        return found

    def _start(self, chunk: Json) -> list[StreamEvent]:
        self.has_begun = True
        self._origin = call_fields.origin(chunk, self._request_id)
        return [call_fields.started(chunk, vendor=self._vendor, request_id=self._request_id)]

    def _report_usage(self) -> list[StreamEvent]:
        told = self._usage or usage.of_choices([c.usage for c in self._choices.values() if c.usage is not None])
        if told is None or told == self._told_usage:
            return []
        self._told_usage = told
        return [UsageReported(told)]

    def _read_choice(self, wire: Json, found: list[StreamEvent]) -> None:
        index = wire.get("index")
        number = index if type(index) is int and 0 <= index < MAX_CHOICES else self._number(index)
        choice = self._choices.get(number)
        if choice is None:
            choice = self._begin_choice(number)
        choice.read(wire, found)
        if wire.get("usage"):
            choice.usage = usage.larger(choice.usage, usage.read(wire["usage"]))
        if wire.get("finish_reason"):
            self._finish_choice(wire, choice, found)

    def _number(self, index: Any) -> int:
        """A number that cannot be one is as good as none; the choice under it gets the first that is free."""
        number = integer(index) or 0
        if number < MAX_CHOICES:
            return number
        if number not in self._strays:
            self._strays[number] = next(free for free in range(MAX_CHOICES + 1) if free not in self._choices)
        return self._strays[number]

    def _begin_choice(self, number: int) -> Choice:
        if number >= MAX_CHOICES:
            raise UpstreamGarbled(f"{self._label} answered with an unreasonable number of choices.")
        self._unfinished += 1
        self.is_complete = self.is_done
        choice = self._choices[number] = Choice(number, vendor=self._vendor, origin=self._origin, held=self._held)
        return choice

    def _finish_choice(self, wire: Json, choice: Choice, found: list[StreamEvent]) -> None:
        """Raises what lies behind the `error` that OpenRouter gives as a reason."""
        reason = reason_of(wire["finish_reason"])
        if reason == "error":
            if told := in_answers.told_by(wire):
                raise self._failure(told)
            raise UpstreamUnavailable(f"{self._label} failed in the middle of its answer.", request_id=self._request_id)
        if reason is not None and choice.reason is None:
            found += choice.finish(reason)
            self._unfinished -= 1
            self.is_complete = self.is_done or self._unfinished == 0

    def _failure(self, told: Mapping[str, Any]) -> ProviderError:
        return reading.from_payload(told, label=self._label, secret=self._secret, request_id=self._request_id)

    def _held_back(self, found: list[StreamEvent]) -> list[StreamEvent]:
        """What can be told now; the rest once something is said."""
        if any(map(_is_said, found)):
            self._has_spoken = True
            kept_back, self._kept_back = self._kept_back, []
            return [*kept_back, *found]
        kept_back = [event for event in found if not isinstance(event, CallStarted)]
        self._held.add(sum(answer_size.EVENT_BYTES + answer_size.of_event(event) for event in kept_back))
        self._kept_back += kept_back
        return [event for event in found if isinstance(event, CallStarted)]

    def _is_silent_with_reason(self) -> bool:
        reasons = [choice.reason for choice in self._choices.values() if choice.reason not in (None, _INTERRUPTED)]
        return bool(reasons) and (self._may_be_silent or any(map(_is_wordless, reasons)))


def _is_wordless(reason: str | None) -> bool:
    return finish_reasons.normal(reason or "") in _WORDLESS


def _is_said(event: StreamEvent) -> bool:
    """Whether it is part of an answer. A vendor's own field is, when it is more than a word: images, annotations."""
    if isinstance(event, ChoiceFinished):
        return any(isinstance(value, dict | list) and value for value in _own_values(event))
    if isinstance(event, TextDelta):
        return bool(event.text)
    return not isinstance(event, CallStarted | UsageReported)


def _own_values(event: ChoiceFinished) -> Iterable[Any]:
    return (value for fields in (event.provider_metadata or {}).values() for value in fields.values())


def _is_beat(kind: Any) -> bool:
    return isinstance(kind, str) and kind in _BEAT_KINDS


def _value_or_text(payload: bytes) -> Any:
    try:
        return untrusted.loads(payload)
    except ValueError:
        return payload.decode("utf-8", "replace")
