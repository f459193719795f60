from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import events, serialization
from providers.messages import (
    AudioPart,
    EmbeddingPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Usage,
)

words = st.text(st.characters(codec="utf-8"), max_size=20)
maybe = st.none() | words.filter(bool)
metadata = st.none() | st.fixed_dictionaries({"openai": st.dictionaries(words, words, min_size=1, max_size=2)})
counts = st.dictionaries(words, st.integers(0, 10**6), max_size=2)
simple_parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, words, metadata),
    st.builds(ImagePart, words, maybe, metadata),
    st.builds(AudioPart, maybe, maybe, maybe, maybe, st.none() | st.integers(0, 2**40), metadata),
    st.builds(FilePart, maybe, maybe, maybe, maybe, metadata),
    st.builds(ToolCallPart, words, words, words, metadata),
    st.builds(ReasoningPart, words, metadata),
    st.builds(RefusalPart, words, metadata),
    st.builds(EmbeddingPart, words, metadata),
)
parts = simple_parts | st.builds(
    ToolResultPart, words, st.lists(simple_parts, max_size=2).map(tuple), st.booleans(), metadata
)
of_one_call = st.builds(
    Usage,
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    counts,
    counts,
    st.sampled_from(["reported", "estimated"]),
    st.none() | st.floats(0, 1000),
)
usages = of_one_call | st.builds(
    Usage, st.integers(0, 10**6), st.integers(0, 10**6), of_calls=st.lists(of_one_call, max_size=3).map(tuple)
)
numbers = st.integers(0, 5)
all_events: st.SearchStrategy[events.StreamEvent] = st.one_of(
    st.builds(events.CallStarted, maybe, maybe, metadata),
    st.builds(events.TextDelta, words, numbers, st.none() | st.just({"content": [{"token": "a"}]})),
    st.builds(events.ReasoningDelta, words, numbers, metadata),
    st.builds(events.RefusalDelta, words, numbers),
    st.builds(events.ToolCallDelta, numbers, maybe, maybe, words, numbers, metadata),
    st.builds(events.AudioDelta, st.just({"data": "AAAA"}), numbers),
    st.builds(events.EmbeddingMade, words, numbers),
    st.builds(events.ChoiceFinished, words, numbers, metadata),
    st.builds(events.UsageReported, usages),
)


def over_json(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


@given(st.lists(parts, max_size=4).map(tuple))
def test_gives_back_the_parts_it_was_given(given_parts: tuple[Part, ...]) -> None:
    assert serialization.load_parts(over_json(serialization.dump_parts(given_parts))) == given_parts


@given(st.builds(Message, st.sampled_from(Role), st.lists(parts, max_size=3).map(tuple), maybe, metadata))
def test_gives_back_the_message_it_was_given(message: Message) -> None:
    assert serialization.load_message(over_json(serialization.dump_message(message))) == message


@given(usages)
def test_gives_back_the_usage_it_was_given(usage: Usage) -> None:
    assert serialization.load_usage(over_json(serialization.dump_usage(usage))) == usage


@given(all_events)
def test_gives_back_the_event_it_was_given(event: events.StreamEvent) -> None:
    assert serialization.load_event(over_json(serialization.dump_event(event))) == event


def test_writes_parts_in_the_documented_form() -> None:
    stored = serialization.dump_parts(
        [
            TextPart("", provider_metadata={"zai": {"x": 1}}),
            ImagePart("https://a/b.png"),
            ToolResultPart("c1", (TextPart("ok"),)),
            ToolResultPart("c2", (), is_error=True),
        ]
    )

    assert stored == [
        {"type": "text", "text": "", "provider_metadata": {"zai": {"x": 1}}},
        {"type": "image", "url": "https://a/b.png"},
        {"type": "tool_result", "call_id": "c1", "parts": [{"type": "text", "text": "ok"}]},
        {"type": "tool_result", "call_id": "c2", "parts": [], "is_error": True},
    ]


def test_writes_an_ordinary_delta_in_two_keys() -> None:
    assert serialization.dump_event(events.TextDelta("Hel")) == {"e": "text", "d": "Hel"}


def test_writes_usage_with_its_source() -> None:
    assert serialization.dump_usage(Usage(3, 4)) == {"prompt_tokens": 3, "completion_tokens": 4, "source": "reported"}


def test_writes_what_the_vendor_charges() -> None:
    assert serialization.dump_usage(Usage(3, 4, cost=0.0))["cost"] == 0.0


def test_reads_usage_that_was_stored_without_a_cost() -> None:
    assert serialization.load_usage({"prompt_tokens": 3, "completion_tokens": 4, "source": "reported"}) == Usage(3, 4)


@pytest.mark.parametrize("stored", [{"type": "hologram"}, {}, {"type": None}, {"type": ["text"]}])
def test_refuses_a_part_type_of_a_newer_version(stored: dict[str, Any]) -> None:
    with pytest.raises(serialization.UnreadableStoredForm, match="unknown type"):
        serialization.load_parts([stored])


def test_refuses_a_stored_version_of_the_future() -> None:
    with pytest.raises(serialization.UnreadableStoredForm, match="version 2"):
        serialization.load_parts([], version=2)


def test_refuses_a_part_without_its_required_field() -> None:
    with pytest.raises(serialization.UnreadableStoredForm, match="lacks a required field"):
        serialization.load_parts([{"type": "image"}])


def test_refuses_an_unknown_role() -> None:
    with pytest.raises(serialization.UnreadableStoredForm, match="unknown role 'oracle'"):
        serialization.load_message({"role": "oracle", "parts": []})


def test_refuses_an_unknown_event() -> None:
    with pytest.raises(serialization.UnreadableStoredForm, match="unknown e 'dance'"):
        serialization.load_event({"e": "dance"})


def test_drops_a_field_that_a_newer_version_added() -> None:
    assert serialization.load_parts([{"type": "text", "text": "a", "mood": "blue"}]) == (TextPart("a"),)
