"""Any bytes of a vendor, in any chunks, become an answer that can be stored and written, or a ProviderError."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import serialization, tokens
from providers.assembly import Assembler
from providers.calls import answer_body
from providers.errors import ProviderError
from providers.events import StreamEvent
from providers.protocols.openai.chat.response import MAX_CHOICES, ChatReader
from providers.protocols.openai.completions.response import CompletionReader
from providers.protocols.openai.embeddings.response import EmbeddingReader
from providers.protocols.openai.errors.mapping import MAX_MESSAGE_CHARACTERS
from providers.transport.abortable import AbortHandle
from tests.fakes.replies import chunk, completion, embeddings, text_chunk
from tests.fakes.replies import tokens as counted

# No stored value may be larger than what the vendor may send, or than its column.
MAX_COUNT = 2**31 - 1

READERS: dict[str, Callable[..., ChatReader]] = {
    "chat": ChatReader,
    "completion": CompletionReader,
    "embedding": partial(EmbeddingReader, inputs=2),
}

any_text = st.text(st.characters(exclude_categories=()), max_size=8)
odd_numbers = st.sampled_from([0, -1, 7, 40_000, 2**31, 2**63, 2**64, 10**30, 1e25, 1e300, 0.5, -0.0])
scalars = st.none() | st.booleans() | odd_numbers | st.integers() | st.floats() | any_text
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3), max_leaves=6
)
deep = st.integers(1, 400).map(lambda depth: json.loads("[" * depth + "]" * depth))
values = anything | deep

plain_tool_call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
SHAPES: list[Any] = [
    chunk({"role": "assistant", "content": "hi"}),
    chunk({"content": None, "reasoning_content": "hm", "refusal": "no", "annotations": [{"url": "x"}]}),
    chunk({"reasoning": "hm", "reasoning_details": [{"signature": "s"}]}),
    chunk({"tool_calls": [plain_tool_call]}),
    chunk({"function_call": {"name": "f", "arguments": "{}"}}),
    chunk({"audio": {"id": "a", "data": "QUJD", "transcript": "t", "expires_at": 1, "format": "wav"}}),
    chunk({}, finish="stop"),
    {
        **chunk({}),
        "choices": [],
        "usage": {**counted(1, 2), "prompt_tokens_details": {"cached_tokens": 1}, "cost": 0.1},
    },
    completion("hello", usage=counted(1, 2)),
    text_chunk("hi", finish="stop", logprobs={"tokens": ["a"]}),
    embeddings([0.5, 1.0], [1.0, 2.0]),
    {"error": {"message": "x", "code": 429}},
    {"text": "x", "error_code": 50002},
    "[DONE]",
]


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A real payload in which one or two values are replaced."""
    shape = json.loads(json.dumps(draw(st.sampled_from(SHAPES))))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.sampled_from(list(_places(shape)) or [(None, None)]))
        if place[0] is None:
            return draw(values)
        place[0][place[1]] = draw(values)
    return shape


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """The path to every value in a JSON value that can be replaced."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def written(payload: Any) -> bytes:
    return (payload if isinstance(payload, str) else json.dumps(payload)).encode("utf-8", "surrogatepass")


payloads = mutated().map(written) | st.binary(max_size=40)
names = st.sampled_from([b"", b"event: message\n", b"event: ping\n", b"event: error\n", b": c\n", b"id: \xff\n"])
events = st.tuples(names, payloads).map(lambda event: event[0] + b"data: " + event[1] + b"\n\n")
bodies = (
    st.lists(events, max_size=6).map(b"".join)
    | st.lists(payloads, max_size=4).map(b"\n".join)
    | payloads
    | st.binary(max_size=200)
)


MAX_BYTES = 1_000_000

# The events of a body, and class and message of the error that it ends with.
Outcome = tuple[list[StreamEvent], type[ProviderError] | None, list[str | None]]


def read(pieces: Sequence[bytes], kind: str, headers: dict[str, str]) -> Outcome:
    """Reads the body as a call does."""
    reader, handle = READERS[kind](vendor="v", display_name="V", request_id="r"), AbortHandle()
    response = httpx.Response(200, headers=headers, stream=httpx._content.IteratorByteStream(iter(pieces)))
    found: list[StreamEvent] = []
    try:
        try:
            for event in answer_body.events(response, reader, handle=handle, display_name="V", max_bytes=MAX_BYTES):
                found.append(event)  # noqa: PERF402 — what came before an error counts too
        except ProviderError:
            if not reader.is_complete:
                raise
        found.extend(reader.finish())
    except ProviderError as exc:
        return found, type(exc), [exc.message, exc.vendor_code, exc.param]
    return found, None, []


def split(body: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    return [body[a:b] for a, b in itertools.pairwise(places)]


def assert_can_be_kept(found: list[StreamEvent]) -> None:
    assembler = Assembler()
    for event in found:
        assembler.add(event)
        check(serialization.dump_event(event))
        assert 0 <= getattr(event, "choice", 0) < MAX_CHOICES
    assert len(assembler.answers()) <= MAX_CHOICES
    for answer in assembler.answers():
        dumped = serialization.dump_parts(answer.parts)
        check([dumped, answer.finish_reason, answer.logprobs, answer.provider_metadata])
        assert serialization.load_parts(dumped) == answer.parts
        assert tokens.estimate_parts(answer.parts) < MAX_COUNT
    if assembler.usage is not None:
        assert 0 <= assembler.usage.total_tokens < MAX_COUNT * 2
        written = orjson.dumps(serialization.dump_usage(assembler.usage))
        assert serialization.load_usage(orjson.loads(written)) == assembler.usage


def check(value: Any) -> None:
    """orjson can write it, PostgreSQL can store it, and a strict parser reads the same value."""
    data = orjson.dumps(value)
    json.loads(data, parse_constant=pytest.fail)
    assert "\x00" not in "".join(_texts(orjson.loads(data)))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for name, inner in value.items():
                yield name
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)


@given(
    bodies,
    st.sampled_from(sorted(READERS)),
    st.sampled_from([{}, {}, {"content-encoding": "gzip"}, {"content-encoding": "br"}]),
    st.lists(st.integers(0, 10_000), max_size=12),
)
def test_ends_as_an_answer_or_as_an_error(body: bytes, kind: str, headers: dict[str, str], cuts: list[int]) -> None:
    outcome = read([body], kind, headers)

    found, _, words = outcome
    assert_can_be_kept(found)
    check(words)
    assert max((len(word or "") for word in words[:1]), default=0) <= MAX_MESSAGE_CHARACTERS
    assert read(split(body, cuts), kind, headers) == outcome
    assert read([body[i : i + 1] for i in range(len(body))], kind, headers) == outcome
