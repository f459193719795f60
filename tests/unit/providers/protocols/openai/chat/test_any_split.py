"""However the network splits a valid stream, and in whatever notation it is sent, its events are the same."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from providers.calls.answer_body import EventStream
from providers.events import StreamEvent, TextDelta
from providers.protocols.openai.chat.response import ChatReader
from providers.protocols.openai.completions.response import CompletionReader
from tests.fakes.replies import chunk, text_chunk, tokens

NewReader = Callable[..., ChatReader]
Note = Callable[[Sequence[Any]], bytes]
AROUND = ["", ": PING", "event: x", "id: 7", "retry: 10"]
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
choices = st.integers(0, 2)
tool_calls = st.fixed_dictionaries(
    {"index": st.integers(0, 2), "function": st.fixed_dictionaries({"arguments": texts}, optional={"name": texts})},
    optional={"id": st.sampled_from(["c1", "c2"]), "type": st.just("function")},
)
deltas = st.one_of(
    st.fixed_dictionaries({"content": texts}),
    st.fixed_dictionaries({"content": texts}, optional={"reasoning_content": texts, "role": st.just("assistant")}),
    st.fixed_dictionaries({"reasoning": texts, "reasoning_details": st.just([{"signature": "s"}])}),
    st.fixed_dictionaries({"refusal": texts}),
    st.fixed_dictionaries({"tool_calls": st.lists(tool_calls, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"audio": st.just({"data": "QUJD", "transcript": "a"})}),
    st.fixed_dictionaries({"annotations": st.just([{"url": "https://a"}])}),
)
said = st.lists(st.tuples(deltas, choices), max_size=8)
written = st.lists(st.tuples(texts, choices), max_size=8)


@st.composite
def notations(draw: st.DrawFn) -> Note:
    """Payloads as an event stream: escaped or not, any line end, other fields around, with or without a space."""
    is_ascii, end = draw(st.booleans()), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    field, around = (
        draw(st.sampled_from(["data: ", "data:"])),
        draw(st.sampled_from(["", ": PING", "event: x", "id: 7"])),
    )

    def note(payloads: Sequence[Any]) -> bytes:
        lines = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=is_ascii) for item in payloads]
        return "".join(f"{around}{end if around else ''}{field}{line}{end}{end}" for line in lines).encode()

    return note


def events_of(pieces: Sequence[bytes], new_reader: NewReader) -> list[StreamEvent]:
    reader = new_reader(vendor="v", display_name="V")
    stream = EventStream(reader, display_name="V")
    found = [event for piece in pieces for event in stream.feed(piece)]
    return [*found, *stream.close(), *reader.finish()]


def split(stream: bytes, data: st.DataObject) -> list[bytes]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def check(payloads: list[Any], note: Note, data: st.DataObject, new: NewReader) -> list[StreamEvent]:
    """The events of the plain stream: every other notation must give the same."""
    stream = note(payloads)
    plain = events_of([f"data: {p if isinstance(p, str) else json.dumps(p)}\n\n".encode() for p in payloads], new)

    assert events_of([stream], new) == plain
    assert events_of(split(stream, data), new) == plain
    assert events_of([stream[place : place + 1] for place in range(len(stream))], new) == plain
    return plain


def of_choice(events: list[StreamEvent], choice: int) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta) and event.choice == choice)


@given(st.data(), said, notations(), st.booleans(), st.booleans())
def test_reads_a_chat_alike_however_it_is_split(
    data: st.DataObject, found: Any, note: Note, has_usage: bool, is_done: bool
) -> None:
    payloads: list[Any] = [chunk(delta, choice=choice) for delta, choice in found]
    payloads += [chunk({}, finish="stop", choice=choice) for choice in sorted({0, *(choice for _, choice in found)})]
    payloads += [{**chunk({}), "choices": [], "usage": tokens(1, 2)}] * has_usage + ["[DONE]"] * is_done

    events = check(payloads, note, data, partial(ChatReader, may_be_empty=True))

    for number in range(3):
        words = "".join(delta.get("content", "") for delta, choice in found if choice == number)
        assert of_choice(events, number) == words.replace("\x00", "\ufffd")


@given(st.data(), written, notations())
def test_reads_a_completion_alike_however_it_is_split(
    data: st.DataObject, found: list[tuple[str, int]], note: Note
) -> None:
    payloads: list[Any] = [text_chunk(text, choice=choice) for text, choice in found]
    payloads += [text_chunk("", finish="stop", choice=choice) for choice in range(3)]

    events = check([*payloads, "[DONE]"], note, data, CompletionReader)

    for number in range(3):
        words = "".join(text for text, choice in found if choice == number)
        assert of_choice(events, number) == words.replace("\x00", "\ufffd")
