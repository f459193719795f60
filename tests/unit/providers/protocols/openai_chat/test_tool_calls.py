from typing import Any

from providers.events import ToolCallDelta
from providers.protocols.openai_chat.tool_calls import ToolCalls


def read(*fragments: Any) -> list[ToolCallDelta]:
    calls = ToolCalls("v")
    return [delta for fragment in fragments for delta in calls.read([fragment], 0)]


def call(name: str, arguments: Any = "{}", **fields: Any) -> dict[str, Any]:
    return {**fields, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_follows_the_vendors_numbers() -> None:
    assert read(
        call("f", "", index=0, id="a"),
        call("g", "", index=1, id="b"),
        {"index": 0, "function": {"arguments": "1"}},
        {"index": 1, "function": {"arguments": "2"}},
    ) == [
        ToolCallDelta(0, "a", "f"),
        ToolCallDelta(1, "b", "g"),
        ToolCallDelta(0, arguments="1"),
        ToolCallDelta(1, arguments="2"),
    ]


def test_tells_calls_apart_that_are_all_numbered_zero() -> None:
    assert read(
        call("f", index=0, id="a"), call("g", "", index=0, id="b"), {"index": 0, "function": {"arguments": "2"}}
    ) == [
        ToolCallDelta(0, "a", "f", "{}"),
        ToolCallDelta(1, "b", "g"),
        ToolCallDelta(1, arguments="2"),
    ]


def test_tells_calls_apart_that_have_no_numbers() -> None:
    assert read(call("f", id="a"), call("g", "", id="b"), {"function": {"arguments": "2"}}) == [
        ToolCallDelta(0, "a", "f", "{}"),
        ToolCallDelta(1, "b", "g"),
        ToolCallDelta(1, arguments="2"),
    ]


def test_counts_from_zero_whatever_the_vendor_does() -> None:
    assert [delta.index for delta in read(call("f", index=1, id="a"), call("g", index=2, id="b"))] == [0, 1]


def test_says_id_and_name_only_once_though_the_vendor_repeats_them() -> None:
    assert read(call("f", "1", index=0, id="a"), call("f", "2", index=0, id="a")) == [
        ToolCallDelta(0, "a", "f", "1"),
        ToolCallDelta(0, arguments="2"),
    ]


def test_takes_a_call_without_id() -> None:
    assert read(call("f", index=0), {"index": 0, "function": {"arguments": "x"}}) == [
        ToolCallDelta(0, None, "f", "{}"),
        ToolCallDelta(0, arguments="x"),
    ]


def test_writes_arguments_that_come_as_an_object() -> None:
    assert read(call("f", {"a": "你"}, id="a")) == [ToolCallDelta(0, "a", "f", '{"a":"你"}')]


def test_keeps_the_vendors_own_fields() -> None:
    assert read(call("f", id="a", extra_content={"google": {"thought_signature": "s"}})) == [
        ToolCallDelta(0, "a", "f", "{}", 0, {"v": {"extra_content": {"google": {"thought_signature": "s"}}}})
    ]


def test_reads_a_custom_tool_call() -> None:
    assert read({"id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls"}}) == [
        ToolCallDelta(0, "a", "sh", "ls", 0, {"v": {"type": "custom"}})
    ]


def test_survives_odd_shapes() -> None:
    assert read(None, 7, {"function": []}) == [ToolCallDelta(0)]
