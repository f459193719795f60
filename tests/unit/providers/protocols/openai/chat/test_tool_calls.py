"""Tool calls joined from fragments, whatever a vendor numbers, repeats, delays and leaves out."""

import json
from typing import Any

import pytest

from providers.errors import UpstreamGarbled
from providers.events import ToolCallDelta
from providers.protocols.openai.chat import tool_calls
from providers.protocols.openai.chat.tool_calls import ToolCalls

# Of each call: its id, its name and its arguments.
Call = tuple[str | None, str | None, str]


def deltas(*fragments: Any, is_whole: bool = False) -> list[ToolCallDelta]:
    calls = ToolCalls("v")
    return [delta for fragment in fragments for delta in calls.read([fragment], is_whole=is_whole)] + calls.end()


def put_together(found: list[ToolCallDelta]) -> list[Call]:
    """Each call as a reader puts it together: id and name come once, in its first event."""
    calls: dict[int, Call] = {}
    for delta in found:
        if delta.index in calls:
            assert (delta.call_id, delta.name) == (None, None)
            call_id, name, arguments = calls[delta.index]
            calls[delta.index] = (call_id, name, arguments + delta.arguments)
        else:
            assert delta.call_id
            assert delta.name
            calls[delta.index] = (delta.call_id, delta.name, delta.arguments)
    assert list(calls) == list(range(len(calls)))
    return list(calls.values())


def calls_of(*fragments: Any, is_whole: bool = False) -> list[Call]:
    return put_together(deltas(*fragments, is_whole=is_whole))


def call(name: str | None, arguments: Any = "{}", **fields: Any) -> dict[str, Any]:
    called = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return {**fields, "type": "function", "function": called}


def more(arguments: str, **fields: Any) -> dict[str, Any]:
    return {**fields, "function": {"arguments": arguments}}


FOLLOWED_BY_NUMBER = [
    call("f", "", index=0, id="a"),
    call("g", "", index=1, id="b"),
    more("1", index=0),
    more("2", index=1),
]


def test_follows_the_vendors_numbers() -> None:
    assert deltas(*FOLLOWED_BY_NUMBER) == [
        ToolCallDelta(0, "a", "f"),
        ToolCallDelta(0, arguments="1"),
        ToolCallDelta(1, "b", "g", "2"),
    ]


def test_buffers_a_call_until_its_name_is_known() -> None:
    found = ToolCalls("v")

    assert found.read([call(None, "", index=0, id="a")]) == []
    assert found.read([call("get_", "", index=0, id="a")]) == []
    assert found.read([call("weather", "", index=0)]) == []
    assert found.read([more("{", index=0)]) == [ToolCallDelta(0, "a", "get_weather", "{")]
    assert found.read([more("}", index=0)]) == [ToolCallDelta(0, arguments="}")]
    assert found.end() == []


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        # The name comes late, in pieces, after the arguments, or again with every fragment.
        ([call(None, "", index=0, id="a"), call("f", "{", index=0, id="a"), more("}", index=0)], [("a", "f", "{}")]),
        ([call("", "", index=0, id="a"), call("f", "{}", index=0, id="a")], [("a", "f", "{}")]),
        ([call("get_", "", index=0, id="a"), call("weather", "{}", index=0)], [("a", "get_weather", "{}")]),
        ([call("g", "", id="a"), call("et", "", id="a"), call("_it", "{}", id="a")], [("a", "get_it", "{}")]),
        ([more('{"x"', index=0, id="a"), more(":1}", index=0), call("f", "", index=0)], [("a", "f", '{"x":1}')]),
        ([more("{", index=0, id="a"), call("f", "}", index=0)], [("a", "f", "{}")]),
        (
            [call("f", "", index=0, id="a"), call("f", "{", index=0, id="a"), call("f", "}", index=0)],
            [("a", "f", "{}")],
        ),
        ([call("f", "{", index=0), call("f", "}", index=0)], [("call_0", "f", "{}")]),
        # A piece of a name that comes after arguments is ignored.
        ([call("f", "{", index=0, id="a"), call("oo", "}", index=0)], [("a", "f", "{}")]),
        ([call("f", "", index=0, id="a")], [("a", "f", "")]),
        # The id changes with every fragment, comes late, is a number, or is missing.
        (
            [call("f", "", index=0, id="a"), more("{", index=0, id="b"), more("}", index=0, id="c")],
            [("a", "f", "{}")],
        ),
        ([call("f", "", id="a"), more("{", id="b"), more("}", id="c")], [("a", "f", "{}")]),
        ([call(None, "", index=0, id="a"), call("f", "{}", index=0, id="b")], [("a", "f", "{}")]),
        ([call("f", "", index=0), more("{}", index=0, id="late")], [("late", "f", "{}")]),
        ([call("f", index=0, id=7), call("g", index=1, id=8)], [("7", "f", "{}"), ("8", "g", "{}")]),
        ([call("f", "{", index=0, id=""), more("}", index=0, id="")], [("call_0", "f", "{}")]),
        ([call("f", "{", index=0), more("}", index=0)], [("call_0", "f", "{}")]),
        ([call("f", "{", id=None), more("}", id=None)], [("call_0", "f", "{}")]),
        ([call("f", id={"x": 1})], [("call_0", "f", "{}")]),
        # One id for two calls: the second gets another, so that each tool result has one call.
        ([call("f", "1", index=0, id="a"), call("f", "2", index=1, id="a")], [("a", "f", "1"), ("call_1", "f", "2")]),
        ([call("f", index=0, id="call_1"), call("g", index=1)], [("call_1", "f", "{}"), ("call_1_", "g", "{}")]),
        ([call("f", index=0), call("g", index=1, id="call_0")], [("call_0", "f", "{}"), ("call_1", "g", "{}")]),
        ([call("f", id="a"), call("g", id="a")], [("a", "f", "{}"), ("call_1", "g", "{}")]),
        # A fragment with another index, but the id of a call, continues that call.
        ([call("f", "{", index=0, id="a"), more("}", index=1, id="a")], [("a", "f", "{}")]),
        ([call("f", "{", id="a"), more("}", index=0)], [("a", "f", "{}")]),
        # All are numbered 0, or not numbered at all.
        (
            [call("f", index=0, id="a"), call("g", "", index=0, id="b"), more("2", index=0)],
            [("a", "f", "{}"), ("b", "g", "2")],
        ),
        ([call("f", id="a"), call("g", "", id="b"), more("2")], [("a", "f", "{}"), ("b", "g", "2")]),
        ([call("f", "", index=0, id="a"), call("g", "", index=0, id="b")], [("a", "f", ""), ("b", "g", "")]),
        ([call("f", '{"x":1}'), call("g", '{"x":2}')], [("call_0", "f", '{"x":1}'), ("call_1", "g", '{"x":2}')]),
        ([call("f", '{"x":1}'), call("f", '{"x":2}')], [("call_0", "f", '{"x":1}'), ("call_1", "f", '{"x":2}')]),
        ([call("f", "{", index=0), more("}", index=0), call("g", "", index=0), more("{}", index=0)],
         [("call_0", "f", "{}"), ("call_1", "g", "{}")]),
        ([call("f", index=1, id="a"), call("g", index=2, id="b")], [("a", "f", "{}"), ("b", "g", "{}")]),
        ([call("f", index="0", id="a"), more("", index="0")], [("a", "f", "{}")]),
        ([call("f", index=10**18, id="a"), call("g", index=-1, id="b")], [("a", "f", "{}"), ("b", "g", "{}")]),
        # Without the object around name and arguments.
        ([{"id": "a", "name": "f", "arguments": "{}"}], [("a", "f", "{}")]),
        ([{"id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls"}}], [("a", "sh", "ls")]),
        # Halves of a surrogate pair, and a half without the other.
        ([call("f", '"\ud83d', index=0), more('\ude00"', index=0)], [("call_0", "f", '"\U0001f600"')]),
        ([call("f", '"\ud83d', index=0), more('"', index=0)], [("call_0", "f", '"\ufffd"')]),
        ([call("f", '"\ud83d', index=0)], [("call_0", "f", '"\ufffd')]),
        ([call("f\ud83d", id="\ud83d")], [("\ufffd", "f\ufffd", "{}")]),
        # A call whose name never comes is not published.
        ([more("{}", index=0, id="a"), call("g", index=1, id="b")], [("b", "g", "{}")]),
        ([{}, {"function": []}, {"index": 0}, {"function": None}, {"function": 7}], []),
    ],
)  # fmt: skip
def test_joins_fragments(fragments: list[Any], expected: list[Call]) -> None:
    assert calls_of(*fragments) == expected


def test_reads_each_element_of_a_whole_message_as_a_call() -> None:
    elements = [
        call("f", '{"x":1}', index=0, id="a"),
        call("f", '{"x":1}', index=0, id="a"),
        call("f", '{"x":1}'),
        call("g", ""),
        call(None, "{}", id="nameless"),
    ]

    assert calls_of(*elements, is_whole=True) == [
        ("a", "f", '{"x":1}'),
        ("call_1", "f", '{"x":1}'),
        ("call_2", "f", '{"x":1}'),
        ("call_3", "g", ""),
    ]


def test_makes_up_different_ids_in_another_answer() -> None:
    first, again, second = (ToolCalls("v", 0, origin).read([call("f")])[0].call_id for origin in ("r1", "r1", "r2"))

    assert first is not None
    assert first == again
    assert first.startswith("call_")
    assert first != second


def test_reads_an_object_instead_of_the_list() -> None:
    found = ToolCalls("v")

    assert found.read(call("f", "{", index=0, id="a")) == [ToolCallDelta(0, "a", "f", "{")]
    assert found.read(more("}", index=0)) == [ToolCallDelta(0, arguments="}")]


@pytest.mark.parametrize("odd", [None, 7, "x", [None, 7, "x", []], {}])
def test_survives_odd_shapes(odd: Any) -> None:
    found = ToolCalls("v")

    assert (found.read(odd), found.read_legacy(odd), found.end()) == ([], [], [])


def test_reads_the_one_call_of_the_older_format() -> None:
    found = ToolCalls("v")

    assert found.read_legacy({"name": "f", "arguments": ""}) == []
    assert found.read_legacy({"arguments": "{"}) == [ToolCallDelta(0, "call_0", "f", "{")]
    assert found.read_legacy({"arguments": "}"}) == [ToolCallDelta(0, arguments="}")]


def test_reads_a_call_once_that_is_sent_in_both_formats() -> None:
    found = ToolCalls("v")
    found.read([call("f", "{}", index=0, id="a")])

    assert found.read_legacy({"name": "f", "arguments": "{}"}) == []


def test_writes_arguments_that_come_as_an_object() -> None:
    given = {"a": "你\ud83d", "b": [None, 1.5]}

    assert calls_of(call("f", given, id="a")) == [("a", "f", '{"a":"你\ufffd","b":[null,1.5]}')]


def test_keeps_the_vendors_own_fields() -> None:
    assert deltas(call("f", id="a", extra_content={"google": {"thought_signature": "s"}})) == [
        ToolCallDelta(0, "a", "f", "{}", 0, {"v": {"extra_content": {"google": {"thought_signature": "s"}}}})
    ]


def test_keeps_fields_that_came_before_the_name() -> None:
    assert deltas({**call(None, "", index=0, id="a"), "own": 1}, {**call("f", index=0), "own": 2, "more": 3}) == [
        ToolCallDelta(0, "a", "f", "{}", 0, {"v": {"own": 1, "more": 3}})
    ]


def test_cuts_long_names_and_ids() -> None:
    ((call_id, name, _),) = calls_of(call("n" * 9999, id="i" * 99_999))

    assert call_id == "i" * tool_calls.MAX_ID_CHARACTERS
    assert name == "n" * tool_calls.MAX_NAME_CHARACTERS


def test_refuses_an_unreasonable_number_of_calls() -> None:
    with pytest.raises(UpstreamGarbled):
        deltas(*(call("f", index=index, id=str(index)) for index in range(tool_calls.MAX_CALLS + 1)))


def test_is_not_slowed_down_by_a_vendor_that_changes_ids_and_repeats_names() -> None:
    """Time is linear: what is checked again with every fragment has a limit."""
    pieces = [json.dumps({"x": "}" * 20})[:-1], *["}" * 5] * 20_000]

    ((_, name, arguments),) = calls_of(*(call("f", piece, index=0) for piece in pieces))

    assert (name, arguments) == ("f", "".join(pieces))
