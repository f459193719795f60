"""Payloads of an answer, streamed or whole, as events. Unusual shapes are read as far as they make sense.

The events can be stored and written as JSON, whatever the vendor sent: see `providers/untrusted.py`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from providers import answer_size, finish_reasons, untrusted
from providers.errors import ProviderError, UpstreamCut, UpstreamEmpty, UpstreamGarbled, UpstreamUnavailable
from providers.events import CallStarted, ChoiceFinished, StreamEvent, TextDelta, UsageReported
from providers.messages import Usage
from providers.protocols.openai import call_metadata, usage
from providers.protocols.openai.buffer_budget import BufferBudget
from providers.protocols.openai.chat.choice import Choice, reason_of
from providers.protocols.openai.errors import detect, mapping
from providers.protocols.openai.numbers import integer

# The most a request may ask for.
MAX_CHOICES = 2048
_DONE = re.compile(rb"\W*DONE\W*", re.IGNORECASE)
_HEARTBEAT = re.compile(rb"\W*(ping|pong|keep\W?alive|heart\W?beat)\b.{0,100}", re.IGNORECASE | re.DOTALL)
_HEARTBEAT_NAMES = frozenset({"ping", "pong", "keepalive", "keep-alive", "keep_alive", "heartbeat"})
_ERROR_NAME = "error"
# With these finish reasons an answer may be empty: the vendor removed the text, or reasoning used up the tokens.
_EMPTY_REASONS = frozenset({finish_reasons.CONTENT_FILTER, finish_reasons.LENGTH})
# DeepSeek's finish reason for a failure of its own. It counts as `length`; but without any text it is a failure.
_INTERRUPTED = "insufficient_system_resource"

Json = dict[str, Any]


class ChatReader:
    """Reads one answer: an `AnswerReader`. `secret` is our key, kept out of error messages.

    `may_be_empty`: an empty answer with a finish reason is accepted; otherwise it raises UpstreamEmpty. Until there
    is some output, only CallStarted is returned: so a call that brings nothing can be made again.
    """

    # No body may be larger than the answer's limit allows.
    LARGEST_BODY_BYTES: ClassVar[int] = 0

    def __init__(
        self,
        *,
        vendor: str,
        display_name: str,
        secret: str = "",
        request_id: str | None = None,
        may_be_empty: bool = False,
    ) -> None:
        self._vendor = vendor
        self._display_name = display_name
        self._secret = secret
        self._request_id = request_id
        self._may_be_empty = may_be_empty
        self._answer_id = ""
        self._usage: Usage | None = None
        self._reported_usage: Usage | None = None
        self._choices: dict[int, Choice] = {}
        self._strays: dict[int, int] = {}
        self._unfinished = 0
        self._withheld: list[StreamEvent] = []
        self._budget = BufferBudget()
        self._has_output = False
        self.has_begun = False
        # The answer is finished: [DONE] came, or a finish_reason for every choice that began.
        self.is_complete = False
        self.is_done = False

    @property
    def usage_so_far(self) -> Usage | None:
        return self._usage

    def read(self, payload: bytes, event_name: bytes = b"") -> list[StreamEvent]:
        """Raises UpstreamGarbled for what is not JSON, and what an error object stands for. Garbage after a complete
        answer is ignored.
        """
        try:
            found = (
                self._read_json(payload)
                if not event_name and payload[:1] == b"{"
                else self._read_odd(payload, event_name)
            )
        except UpstreamGarbled:
            if not self.is_complete:
                raise
            return []
        return found if self._has_output else self._publishable(found)

    def read_whole(self, body: bytes) -> list[StreamEvent]:
        """A plain `chat.completion`, which some gateways send though a stream was asked for; or chunks, in an array
        or one a line. Raises as `read`.
        """
        try:
            value = untrusted.loads(body)
        except ValueError:
            value, found = None, self.read(body)
        else:
            found = self._publishable(self._read_chunk(value) if isinstance(value, dict) else self._read_several(value))
        is_one = isinstance(value, dict) and isinstance(value.get("choices"), list)
        if not (is_one or (self._choices and not isinstance(value, dict))):
            raise UpstreamGarbled(f"{self._display_name} answered with something that is no chat completion.")
        self.is_done = self.is_complete = is_one or self.is_complete
        return found

    def finish(self) -> list[StreamEvent]:
        """The remaining events at the end of the body.

        Raises UpstreamCut when the answer has neither finish_reasons nor [DONE], UpstreamEmpty when it has no output.
        """
        if not self.is_complete:
            raise UpstreamCut(f"{self._display_name} broke off in the middle of its answer.")
        found = [] if self.has_begun else self._start({})
        found += [event for choice in self._choices.values() for event in choice.end()]
        found = [*self._publishable(found), *self._withheld, *self._report_usage()]
        if not (self._has_output or self._is_empty_with_reason()):
            raise UpstreamEmpty(f"{self._display_name} answered with nothing.", request_id=self._request_id)
        return found

    def _read_odd(self, payload: bytes, event_name: bytes) -> list[StreamEvent]:
        """A payload that is not just a chunk: [DONE], an error, a heartbeat, or a chunk in an unusual form."""
        payload, name = payload.strip(), event_name.decode("latin-1").strip().lower()
        if _DONE.fullmatch(payload):
            self.is_done = self.is_complete = True
            return []
        if name == _ERROR_NAME:
            raise self._failure(detect.error_event(_value_or_text(payload)))
        if _is_heartbeat(name) or _HEARTBEAT.fullmatch(payload):
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
        raise UpstreamGarbled(f"{self._display_name} sent something that is not a chunk.")

    def _read_lines(self, lines: list[bytes], error: ValueError) -> list[StreamEvent]:
        """Some vendors forget the empty line between events, or the field name `data:` before them."""
        if len(lines) < 2:  # noqa: PLR2004 — a single line was just found to be no JSON
            raise UpstreamGarbled(f"{self._display_name} sent something that is not JSON.") from error
        return [event for line in lines if line.strip() for event in self._read_odd(line, b"")]

    def _read_chunk(self, chunk: Json) -> list[StreamEvent]:
        choices = chunk.get("choices")
        if not choices or "error" in chunk:
            if _is_heartbeat(chunk.get("type")):
                return []
            if failure := detect.error_in(chunk):
                raise self._failure(failure)
        found: list[StreamEvent] = [] if self.has_begun else self._start(chunk)
        if choices:
            for wire in choices if isinstance(choices, list) else [choices]:
                if isinstance(wire, dict):
                    self._read_choice(wire, found)
        if chunk.get("usage"):
            self._usage = usage.larger(self._usage, usage.read(chunk["usage"]))
            # Some vendors repeat a running count in every chunk: only one after the text is final.
            if not (choices or self._unfinished):
                found += self._report_usage()
        return found

    def _start(self, chunk: Json) -> list[StreamEvent]:
        self.has_begun = True
        self._answer_id = call_metadata.answer_id(chunk, self._request_id)
        return [call_metadata.started(chunk, vendor=self._vendor, request_id=self._request_id)]

    def _report_usage(self) -> list[StreamEvent]:
        latest = self._usage or usage.of_choices([c.usage for c in self._choices.values() if c.usage is not None])
        if latest is None or latest == self._reported_usage:
            return []
        self._reported_usage = latest
        return [UsageReported(latest)]

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
        """The choice of an index that is no valid one. A number that is too large stands for the first free choice."""
        number = integer(index) or 0
        if number < MAX_CHOICES:
            return number
        if number not in self._strays:
            self._strays[number] = next(free for free in range(MAX_CHOICES + 1) if free not in self._choices)
        return self._strays[number]

    def _begin_choice(self, number: int) -> Choice:
        if number >= MAX_CHOICES:
            raise UpstreamGarbled(f"{self._display_name} answered with an unreasonable number of choices.")
        self._unfinished += 1
        self.is_complete = self.is_done
        choice = self._choices[number] = Choice(
            number, vendor=self._vendor, answer_id=self._answer_id, budget=self._budget
        )
        return choice

    def _finish_choice(self, wire: Json, choice: Choice, found: list[StreamEvent]) -> None:
        """OpenRouter gives `error` as the finish reason of a failure: then raises the error it stands for."""
        reason = reason_of(wire["finish_reason"])
        if reason == "error":
            if failure := detect.error_in(wire):
                raise self._failure(failure)
            raise UpstreamUnavailable(
                f"{self._display_name} failed in the middle of its answer.", request_id=self._request_id
            )
        if reason is not None and choice.reason is None:
            found += choice.finish(reason)
            self._unfinished -= 1
            self.is_complete = self.is_done or self._unfinished == 0

    def _failure(self, error: Mapping[str, Any]) -> ProviderError:
        return mapping.from_payload(
            error, display_name=self._display_name, secret=self._secret, request_id=self._request_id
        )

    def _publishable(self, found: list[StreamEvent]) -> list[StreamEvent]:
        """The events to return now: CallStarted alone until there is output, then also those kept back before."""
        if any(map(_is_output, found)):
            self._has_output = True
            withheld, self._withheld = self._withheld, []
            return [*withheld, *found]
        withheld = [event for event in found if not isinstance(event, CallStarted)]
        self._budget.spend(sum(answer_size.EVENT_BYTES + answer_size.of_event(event) for event in withheld))
        self._withheld += withheld
        return [event for event in found if isinstance(event, CallStarted)]

    def _is_empty_with_reason(self) -> bool:
        reasons = [choice.reason for choice in self._choices.values() if choice.reason not in (None, _INTERRUPTED)]
        return bool(reasons) and (self._may_be_empty or any(map(_allows_empty, reasons)))


def _allows_empty(reason: str | None) -> bool:
    return finish_reasons.normal(reason or "") in _EMPTY_REASONS


def _is_output(event: StreamEvent) -> bool:
    """Whether it is part of an answer. So is a vendor's own field if it is a map or a list: images, annotations."""
    if isinstance(event, ChoiceFinished):
        return any(isinstance(value, dict | list) and value for value in _own_values(event))
    if isinstance(event, TextDelta):
        return bool(event.text)
    return not isinstance(event, CallStarted | UsageReported)


def _own_values(event: ChoiceFinished) -> Iterable[Any]:
    return (value for fields in (event.provider_metadata or {}).values() for value in fields.values())


def _is_heartbeat(name: Any) -> bool:
    return isinstance(name, str) and name in _HEARTBEAT_NAMES


def _value_or_text(payload: bytes) -> Any:
    try:
        return untrusted.loads(payload)
    except ValueError:
        return payload.decode("utf-8", "replace")
