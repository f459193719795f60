from typing import Any

import orjson
import pytest

from providers.catalog import Target
from providers.messages import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    ReasoningPart,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.protocols.openai.chat import request as wire_request


def target(*quirks: str, vendor: str = "openai", **options: Any) -> Target:
    return Target(vendor, "X", "openai", "http://x/v1", "wire-model", options=options, quirks=frozenset(quirks))


def body(*messages: Message, to: Target | None = None, **options: Any) -> dict[str, Any]:
    return wire_request.body(ChatRequest("public-name", messages, options), to or target())


def sent(*messages: Message, to: Target | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body(*messages, to=to)["messages"]
    return found


def test_adds_nothing_but_what_streaming_needs() -> None:
    assert body(Message(Role.USER, (TextPart("Hi"),))) == {
        "model": "wire-model",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_writes_json_without_escaping_chinese() -> None:
    request = ChatRequest("m", (Message(Role.USER, (TextPart("你好\u2028"),)),))

    written = wire_request.dump(request, target())

    assert "你好\u2028".encode() in written
    assert orjson.loads(written)["messages"] == [{"role": "user", "content": "你好\u2028"}]


@pytest.mark.parametrize(
    ("options", "to", "expected"),
    [
        ({"temperature": 0}, target(), {"temperature": 0, "stream_options": {"include_usage": True}}),
        ({"stream": False}, target(), {"stream_options": {"include_usage": True}}),
        (
            {"stream_options": {"include_usage": False, "include_obfuscation": False}},
            target(),
            {"stream_options": {"include_usage": True, "include_obfuscation": False}},
        ),
        ({"stream_options": {"include_usage": True}}, target("no_stream_usage"), {}),
        ({}, target(reasoning_effort="high"), {"reasoning_effort": "high", "stream_options": {"include_usage": True}}),
        (
            {"reasoning_effort": "low"},
            target(reasoning_effort="high"),
            {"reasoning_effort": "low", "stream_options": {"include_usage": True}},
        ),
        (
            {"max_completion_tokens": 5},
            target("only_max_tokens", "no_stream_usage"),
            {"max_tokens": 5},
        ),
        ({"max_completion_tokens": 5}, target("no_stream_usage"), {"max_completion_tokens": 5}),
        ({"max_tokens": 5}, target("no_stream_usage"), {"max_tokens": 5}),
        (
            {"max_tokens": 5},
            target("only_max_completion_tokens", "no_stream_usage"),
            {"max_completion_tokens": 5},
        ),
        (
            {"max_tokens": 5, "max_completion_tokens": 9},
            target("only_max_completion_tokens", "no_stream_usage"),
            {"max_completion_tokens": 9},
        ),
        (
            {"temperature": 1, "extra_body": {"thinking": {"type": "enabled"}, "top_k": 4}},
            target("no_stream_usage"),
            {"temperature": 1, "thinking": {"type": "enabled"}, "top_k": 4},
        ),
        (
            {
                "temperature": 1,
                "extra_body": {"model": "x", "messages": [1], "stream": False, "temperature": 2, "reasoning_effort": 1},
            },
            target("no_stream_usage", reasoning_effort="high"),
            {"temperature": 1, "reasoning_effort": "high"},
        ),
    ],
)
def test_sends_options_as_given(options: dict[str, Any], to: Target, expected: dict[str, Any]) -> None:
    found = body(to=to, **options)

    assert found == {"model": "wire-model", "messages": [], "stream": True, **expected}


def test_does_not_change_the_callers_options() -> None:
    options = {"stream_options": {"include_usage": False}, "max_completion_tokens": 5}

    body(to=target("only_max_tokens"), **options)

    assert options == {"stream_options": {"include_usage": False}, "max_completion_tokens": 5}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Message(Role.SYSTEM, (TextPart("Be kind"),)), {"role": "system", "content": "Be kind"}),
        (Message(Role.DEVELOPER, (TextPart("x"),)), {"role": "developer", "content": "x"}),
        (Message(Role.USER, (TextPart("x"),), name="ann"), {"role": "user", "content": "x", "name": "ann"}),
        (Message(Role.USER, ()), {"role": "user", "content": ""}),
        (Message(Role.ASSISTANT, ()), {"role": "assistant", "content": ""}),
        (
            Message(Role.USER, (TextPart("a"), TextPart("b"))),
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        ),
        (
            Message(
                Role.USER, (TextPart("a"), ImagePart("http://i/a.png", "low"), ImagePart("data:image/png;base64,AA"))
            ),
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image_url", "image_url": {"url": "http://i/a.png", "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
                ],
            },
        ),
        (
            Message(Role.USER, (AudioPart("AAAA", "wav"), FilePart(file_id="f1"))),
            {
                "role": "user",
                "content": [
                    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                    {"type": "file", "file": {"file_id": "f1"}},
                ],
            },
        ),
        (
            Message(Role.USER, (FilePart("http://f/a.pdf"), FilePart(data="data:x;base64,AA", filename="a.pdf"))),
            {
                "role": "user",
                "content": [
                    {"type": "file", "file": {"file_url": "http://f/a.pdf"}},
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:x;base64,AA"}},
                ],
            },
        ),
        (
            Message(Role.ASSISTANT, (ToolCallPart("c1", "look", "{}"), ToolCallPart("c2", "find", '{"a":1}'))),
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}},
                    {"id": "c2", "type": "function", "function": {"name": "find", "arguments": '{"a":1}'}},
                ],
            },
        ),
        (
            Message(Role.ASSISTANT, (ReasoningPart("hm"), TextPart("Hi"))),
            {"role": "assistant", "content": "Hi", "reasoning_content": "hm"},
        ),
        (
            Message(Role.ASSISTANT, (RefusalPart("no"),)),
            {"role": "assistant", "content": None, "refusal": "no"},
        ),
        (
            Message(Role.ASSISTANT, (AudioPart(audio_id="audio_1", transcript="Hi"),)),
            {"role": "assistant", "content": None, "audio": {"id": "audio_1"}},
        ),
    ],
)
def test_writes_every_kind_of_message(message: Message, expected: dict[str, Any]) -> None:
    assert sent(message) == [expected]


def test_writes_each_tool_result_as_a_message_of_its_own() -> None:
    results = (
        ToolResultPart("c1", (TextPart("1"),)),
        ToolResultPart("c2", (TextPart("2"), TextPart("3")), is_error=True),
        ToolResultPart("c3", ()),
    )

    assert sent(Message(Role.TOOL, results)) == [
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {
            "role": "tool",
            "tool_call_id": "c2",
            "content": [{"type": "text", "text": "2"}, {"type": "text", "text": "3"}],
        },
        {"role": "tool", "tool_call_id": "c3", "content": ""},
    ]


def test_sends_developer_messages_as_system_where_that_role_is_unknown() -> None:
    message = Message(Role.DEVELOPER, (TextPart("x"),))

    assert sent(message, to=target("no_developer_role")) == [{"role": "system", "content": "x"}]


def test_sends_opaque_fields_back_to_their_vendor_and_their_format_only() -> None:
    metadata = {"zai": {"z": 1}, "openai_chat": {"all": 2, "role": "mine"}, "openai": {"o": 3}}
    message = Message(
        Role.ASSISTANT, (TextPart("a", metadata), ToolCallPart("c", "f", "{}", metadata)), provider_metadata=metadata
    )

    (wire,) = sent(message, to=target(vendor="zai"))

    assert wire == {
        "all": 2,
        "z": 1,
        "role": "assistant",
        "content": [{"all": 2, "role": "mine", "z": 1, "type": "text", "text": "a"}],
        "tool_calls": [
            {
                "all": 2,
                "role": "mine",
                "z": 1,
                "id": "c",
                "type": "function",
                "function": {"name": "f", "arguments": "{}"},
            }
        ],
    }


THOUGHT = ReasoningPart("hm", {"openrouter": {"field": "reasoning", "reasoning_details": [{"id": "r1"}]}})


def test_sends_reasoning_back_under_the_field_it_came_in() -> None:
    (wire,) = sent(Message(Role.ASSISTANT, (THOUGHT, TextPart("Hi"))), to=target(vendor="openrouter"))

    assert wire == {"role": "assistant", "content": "Hi", "reasoning": "hm", "reasoning_details": [{"id": "r1"}]}


def test_sends_no_reasoning_of_one_vendor_to_another() -> None:
    assert sent(Message(Role.ASSISTANT, (THOUGHT, TextPart("Hi")))) == [{"role": "assistant", "content": "Hi"}]


def test_writes_a_custom_tool_call_in_its_own_shape() -> None:
    part = ToolCallPart("c", "shell", "ls", {"openai": {"type": "custom"}})

    (wire,) = sent(Message(Role.ASSISTANT, (part,)))

    assert wire["tool_calls"] == [{"id": "c", "type": "custom", "custom": {"name": "shell", "input": "ls"}}]


def test_no_option_replaces_the_model_or_the_input() -> None:
    usurper: dict[str, Any] = {
        "model": "x",
        "messages": [1],
        "stream": False,
        "stream_options": {"include_usage": False},
    }

    assert body(Message(Role.USER, (TextPart("Hi"),)), **usurper) == body(Message(Role.USER, (TextPart("Hi"),)))


def test_joins_the_refusals_of_a_message() -> None:
    (message,) = sent(Message(Role.ASSISTANT, (RefusalPart("No"), RefusalPart(", never."))))

    assert message == {"role": "assistant", "content": None, "refusal": "No, never."}
