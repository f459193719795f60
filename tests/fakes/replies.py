"""The fake upstream's replies: plain values, made by the functions below and changed by their methods.

    says("Hel", "lo")                          a streamed answer, with finish_reason, usage and [DONE]
    says("Hel", "lo").split(1)                 the same bytes, one per write
    says("Hel", "lo").delayed(0.05)            0.05 s before each event
    says("Hel", "lo").apart()                  each word after readers were shown the one before (`events_shown`)
    says("Hel", "lo").stalled_after(1)         silent after the first event, until released or the client closes
    says("Hel", "lo").cut_after(2)             the connection breaks after two events; 0: no byte of the body
    says("Hel", "lo").silent()                 not even headers, until released or the client closes
    Reply((Again(b": ping\n\n", 0.1),))        for as long as the client listens
    Reply((b"HTTP/1.1 200 OK\r\n\r\n",), raw=True)  bytes that need not be HTTP
    Reply((Controlled(),))                     the steps that the test sends while it runs (`FakeUpstream.send_steps`)
    fails(429, headers={"Retry-After": "1"})   an HTTP error
    answers(completion("Hello"))               one plain JSON body
    streams({"choices": …}, "[DONE]")          any payloads of your own, as events

Event 1 of `says` carries only the role.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Self

Json = dict[str, Any]

CREATED = 1_700_000_000
COMPLETION_ID = "chatcmpl-fake"
# The fields of a delta that readers are shown.
SHOWN_FIELDS = ("content", "reasoning_content", "tool_calls")


class Act(Enum):
    """What a reply can do other than send bytes."""

    STALL = "stall"
    CUT = "cut"
    CONTINUE = "continue"


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Again:
    """The same bytes repeated, so many seconds apart, until the client closes."""

    data: bytes
    seconds: float = 0.0


@dataclass(frozen=True)
class Shown:
    """Wait until readers were shown so many events of the reply."""

    events: int


@dataclass(frozen=True, eq=False)
class Controlled:
    """The test controls the reply here: the steps it sends are performed as they arrive, until `Act.CONTINUE`."""

    steps: asyncio.Queue["Step"] = field(default_factory=asyncio.Queue)


Step = bytes | Act | Pause | Again | Shown | Controlled


@dataclass(frozen=True)
class Reply:
    """`steps` are performed in order after the headers, `first` before them. `length`: no chunked encoding.

    `raw`: the steps are the whole response, head included, and the connection ends after them.
    """

    steps: tuple[Step, ...] = ()
    first: tuple[Step, ...] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "text/event-stream; charset=utf-8"
    length: bool = False
    raw: bool = False

    def split(self, size: int) -> Self:
        """Split every write into writes of `size` bytes."""
        pieces = (_split(step, size) if isinstance(step, bytes) else [step] for step in self.steps)
        return replace(self, steps=tuple(piece for found in pieces for piece in found))

    def delayed(self, seconds: float) -> Self:
        """Pause before every write. How many events they become depends on timing: see `apart`."""
        waits = ((Pause(seconds), step) if isinstance(step, bytes) else (step,) for step in self.steps)
        return replace(self, steps=tuple(step for pair in waits for step in pair))

    def apart(self) -> Self:
        """Each word waits until the one before it was shown, so that each becomes an event of its own.

        So does the end: the answer does not end before all its words were shown.
        """
        steps: list[Step] = []
        words = 0
        for step in self.steps:
            has_text = isinstance(step, bytes) and _has_text(step)
            steps += [Shown(words)] if words else []
            words += has_text
            steps.append(step)
        return replace(self, steps=tuple(steps))

    def stalled_after(self, writes: int) -> Self:
        return self._insert(writes, Act.STALL)

    def cut_after(self, writes: int) -> Self:
        return self._insert(writes, Act.CUT)

    def silent(self, seconds: float | None = None) -> Self:
        """Send no headers for `seconds`; None: until released."""
        return replace(self, first=(Act.STALL if seconds is None else Pause(seconds),))

    def refusing_to_answer(self) -> Self:
        """Break the connection before the headers."""
        return replace(self, first=(Act.CUT,))

    def with_crlf(self) -> Self:
        return self._rewritten(lambda data: data.replace(b"\n", b"\r\n"))

    def with_lone_cr(self) -> Self:
        return self._rewritten(lambda data: data.replace(b"\n", b"\r"))

    def with_comments(self) -> Self:
        """Add keep-alives and every other field of SSE around each event."""
        return self._rewritten(lambda data: b": PING\n\nevent: message\nid: 7\nretry: 10\n" + data)

    def with_headers(self, **headers: str) -> Self:
        return replace(self, headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})

    def _insert(self, writes: int, act: Act) -> Self:
        places = [place for place, step in enumerate(self.steps) if isinstance(step, bytes)]
        place = places[writes] if writes < len(places) else len(self.steps)
        return replace(self, steps=(*self.steps[:place], act, *self.steps[place:]))

    def _rewritten(self, change: Any) -> Self:
        return replace(self, steps=tuple(change(step) if isinstance(step, bytes) else step for step in self.steps))


def _has_text(data: bytes) -> bool:
    """Whether an event of `says` has text, reasoning or a part of a tool call, not only a role or an end."""
    payload = data.decode().removeprefix("data: ").strip()
    choices = json.loads(payload)["choices"] if payload != "[DONE]" else []
    return any(choice["delta"].get(name) for choice in choices for name in SHOWN_FIELDS)


def _split(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def says(
    *texts: str,
    reasoning: Iterable[str] = (),
    tool_calls: Iterable[Json] = (),
    finish: str | None = "stop",
    usage: Json | None = None,
    done: bool = True,
    model: str = "fake-model",
    choice: int = 0,
    of_call: Json | None = None,
) -> Reply:
    """A streamed answer. `tool_calls` are fragments as in a delta. `finish=None` leaves the end out.

    `of_call` is added to every chunk, like a vendor's fields about the whole call.
    """
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": text} for text in reasoning]
    deltas += [{"content": text} for text in texts]
    deltas += [{"tool_calls": [fragment]} for fragment in tool_calls]
    payloads: list[Json | str] = [chunk(delta, model=model, choice=choice) for delta in deltas]
    if finish is not None:
        payloads.append(chunk({}, finish=finish, model=model, choice=choice))
    if usage is not None:
        payloads.append({**chunk({}, model=model), "choices": [], "usage": usage})
    filled = [{**payload, **(of_call or {})} if isinstance(payload, dict) else payload for payload in payloads]
    return streams(*filled, *(["[DONE]"] if done else []))


def chunk(delta: Json, *, finish: str | None = None, model: str = "fake-model", choice: int = 0) -> Json:
    return {
        "id": COMPLETION_ID,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "choices": [{"index": choice, "delta": delta, "finish_reason": finish}],
    }


def completion(text: str, *, model: str = "fake-model", finish: str = "stop", usage: Json | None = None) -> Json:
    return {
        "id": COMPLETION_ID,
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": usage or tokens(1, 1),
    }


def text_chunk(
    text: str, *, finish: str | None = None, choice: int = 0, model: str = "fake-model", **more: Any
) -> Json:
    """A chunk of a streamed `text_completion`; `more` are further fields of its choice."""
    return _texts_of({"text": text, "index": choice, "logprobs": None, "finish_reason": finish, **more}, model=model)


def text_completion(*texts: str, model: str = "fake-model", usage: Json | None = None) -> Json:
    choices = [
        {"text": text, "index": place, "logprobs": None, "finish_reason": "stop"} for place, text in enumerate(texts)
    ]
    return {**_texts_of(*choices, model=model), "usage": usage or tokens(1, 1)}


def _texts_of(*choices: Json, model: str) -> Json:
    return {
        "id": "cmpl-fake",
        "object": "text_completion",
        "created": CREATED,
        "model": model,
        "choices": list(choices),
    }


def embeddings(*vectors: list[float] | str, model: str = "fake-model", prompt_tokens: int = 1) -> Json:
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": place, "embedding": made} for place, made in enumerate(vectors)],
        "model": model,
        "usage": {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens},
    }


def tokens(prompt: int, completion: int) -> Json:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def streams(*payloads: Json | str) -> Reply:
    return Reply(tuple(event(payload) for payload in payloads))


def event(payload: Json | str) -> bytes:
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def answers(body: Json | list[Any] | bytes, *, status: int = 200, content_type: str = "application/json") -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply((data,), status=status, content_type=content_type, length=True)


def fails(
    status: int,
    message: str = "It failed.",
    *,
    code: str | None = None,
    kind: str = "api_error",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """An error in OpenAI's form."""
    error = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return replace(answers(error, status=status), headers=dict(headers or {}))
