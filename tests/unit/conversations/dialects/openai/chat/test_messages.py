"""Wire messages → canonical → what goes upstream, and what is refused where."""

from typing import Any

import pytest

from conversations.dialects.openai.chat import messages
from conversations.errors import InvalidRequest
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
from providers.protocols.openai.chat import request

TARGET = Target(vendor="openai", display_name="OpenAI", protocol="openai", base_url="", model="gpt-4o")
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
CUSTOM_CALL = {"id": "call_2", "type": "custom", "custom": {"name": "sh", "input": "ls"}}
HI = {"role": "user", "content": "Hi"}


def upstream(*wire: Any) -> Any:
    body = request.body(ChatRequest("gpt-4o", messages.parse(list(wire))), TARGET)
    return body["messages"]


@pytest.mark.parametrize(
    "wire",
    [
        HI,
        {"role": "user", "content": ""},
        {"role": "user", "content": " \n你好 🙂\u2028"},
        {"role": "system", "content": "Be kind."},
        {"role": "developer", "content": "Be kind.", "name": "ops"},
        {"role": "user", "content": "Hi", "name": "ann"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": "https://a.example/x.png", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
                {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
            ],
        },
        {"role": "assistant", "content": "Hello."},
        {"role": "assistant", "content": "Hel", "prefix": True},
        {"role": "assistant", "content": None, "tool_calls": [CALL, CUSTOM_CALL]},
        {"role": "assistant", "content": "Let me look.", "tool_calls": [{**CALL, "extra_content": {"acme": [1]}}]},
        {"role": "assistant", "content": None, "refusal": "I must not."},
        {"role": "assistant", "content": None, "audio": {"id": "audio_1"}},
        {"role": "assistant", "content": "4", "reasoning_content": "2 and 2"},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
        {"role": "tool", "tool_call_id": "call_1", "content": "", "name": "look"},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "a"}] * 2},
    ],
)  # fmt: skip
def test_goes_upstream_as_it_came(wire: Any) -> None:
    assert upstream(wire) == [wire]


@pytest.mark.parametrize(
    ("wire", "sent"),
    [
        ({"role": "user", "content": [{"type": "text", "text": "a"}]}, {"role": "user", "content": "a"}),
        (
            {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}]},
            {"role": "assistant", "content": "a", "refusal": "no"},
        ),
        ({"role": "assistant", "tool_calls": [CALL]}, {"role": "assistant", "content": None, "tool_calls": [CALL]}),
        ({"role": "assistant", "content": "a", "tool_calls": []}, {"role": "assistant", "content": "a"}),
        ({**HI, "name": None, "refusal": None, "weight": None}, HI),
        # What an SDK's model_dump() adds.
        (
            {"role": "assistant", "content": "a", "refusal": None, "audio": None, "function_call": None,
             "tool_calls": None, "annotations": None, "reasoning_content": None},
            {"role": "assistant", "content": "a"},
        ),
    ],
)  # fmt: skip
def test_says_the_same_in_the_plainest_way(wire: Any, sent: Any) -> None:
    assert upstream(wire) == [sent]


def test_functions_of_2023_go_upstream_as_tools() -> None:
    sent = upstream(
        HI,
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}},
        {"role": "function", "name": "look", "content": "Sunny"},
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "[]"}},
        {"role": "function", "name": "look", "content": None},
    )

    def call(number: int, arguments: str) -> Any:
        called = {"name": "look", "arguments": arguments}
        return {"id": f"call_function_{number}", "type": "function", "function": called}

    assert sent == [
        HI,
        {"role": "assistant", "content": None, "tool_calls": [call(0, "{}")]},
        {"role": "tool", "tool_call_id": "call_function_0", "content": "Sunny"},
        {"role": "assistant", "content": None, "tool_calls": [call(1, "[]")]},
        {"role": "tool", "tool_call_id": "call_function_1", "content": ""},
    ]


def test_every_kind_of_part_has_its_canonical_value() -> None:
    user, assistant, tool = messages.parse(
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a", "x": 1},
                    {"type": "image_url", "image_url": {"url": "u", "detail": "high"}},
                    {"type": "input_audio", "input_audio": {"data": "d", "format": "mp3"}},
                    {"type": "file", "file": {"file_url": "https://a.example/a.pdf"}},
                ],
            },
            {
                "role": "assistant",
                "content": "b",
                "reasoning_content": "hm",
                "refusal": "no",
                "audio": {"id": "audio_1"},
                "tool_calls": [CALL, CUSTOM_CALL],
                "seal": "s",
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "c"},
        ]
    )

    assert user.parts == (
        TextPart("a", {"openai_chat": {"x": 1}}),
        ImagePart("u", "high"),
        AudioPart("d", "mp3"),
        FilePart(url="https://a.example/a.pdf"),
    )
    assert assistant == Message(
        Role.ASSISTANT,
        (
            ReasoningPart("hm"),
            TextPart("b"),
            RefusalPart("no"),
            AudioPart(audio_id="audio_1"),
            ToolCallPart("call_1", "look", '{"a":1}'),
            ToolCallPart("call_2", "sh", "ls", {"openai_chat": {"type": "custom"}}),
        ),
        provider_metadata={"openai_chat": {"seal": "s"}},
    )
    assert tool == Message(Role.TOOL, (ToolResultPart("call_1", (TextPart("c"),)),))


def user(*parts: Any) -> Any:
    return {"role": "user", "content": list(parts)}


@pytest.mark.parametrize(
    ("wire", "param"),
    [
        ([], "messages"),
        ({}, "messages"),
        ("Hi", "messages"),
        (["Hi"], "messages[0]"),
        ([{"content": "Hi"}], "messages[0].role"),
        ([HI, {"role": "robot", "content": "Hi"}], "messages[1].role"),
        ([{"role": 1, "content": "Hi"}], "messages[0].role"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": None}], "messages[0].content"),
        ([{"role": "user", "content": 1}], "messages[0].content"),
        ([{"role": "user", "content": []}], "messages[0].content"),
        ([{"role": "user", "content": "a\x00b"}], "messages[0].content"),
        ([{"role": "user", "content": "\ud800"}], "messages[0].content"),
        ([{"role": "user", "content": "a", "name": 1}], "messages[0].name"),
        ([{"role": "user", "content": "a", "name": "n" * 201}], "messages[0].name"),
        ([{"role": "user", "content": "a", "cache": {"k": ["\x00"]}}], "messages[0]"),
        ([user("a")], "messages[0].content[0]"),
        ([user({"text": "a"})], "messages[0].content[0].type"),
        ([user({"type": "video", "video": "x"})], "messages[0].content[0].type"),
        ([user({"type": "text"})], "messages[0].content[0].text"),
        ([user({"type": "text", "text": 1})], "messages[0].content[0].text"),
        ([user({"type": "image_url"})], "messages[0].content[0].image_url"),
        ([user({"type": "image_url", "image_url": "https://x"})], "messages[0].content[0].image_url"),
        ([user({"type": "image_url", "image_url": {"url": ""}})], "messages[0].content[0].image_url.url"),
        ([user({"type": "image_url", "image_url": {"url": "u", "detail": 1}})],
         "messages[0].content[0].image_url.detail"),
        ([user({"type": "input_audio", "input_audio": {"data": "x"}})], "messages[0].content[0].input_audio.format"),
        ([user({"type": "file", "file": {"filename": "x"}})], "messages[0].content[0].file"),
        ([{"role": "system"}], "messages[0].content"),
        ([{"role": "tool", "content": "a"}], "messages[0].tool_call_id"),
        ([{"role": "tool", "tool_call_id": "c"}], "messages[0].content"),
        ([{"role": "assistant"}], "messages[0].content"),
        ([{"role": "assistant", "content": None, "tool_calls": []}], "messages[0].content"),
        ([{"role": "assistant", "reasoning_content": "hm"}], "messages[0].content"),
        ([{"role": "assistant", "content": "a", "refusal": 1}], "messages[0].refusal"),
        ([{"role": "assistant", "content": "a", "audio": {}}], "messages[0].audio.id"),
        ([{"role": "assistant", "tool_calls": {}}], "messages[0].tool_calls"),
        ([{"role": "assistant", "tool_calls": [{**CALL, "id": None}]}], "messages[0].tool_calls[0].id"),
        ([{"role": "assistant", "tool_calls": [{**CALL, "type": "x"}]}], "messages[0].tool_calls[0].type"),
        ([{"role": "assistant", "tool_calls": [CALL, {**CALL, "function": {"name": "x"}}]}],
         "messages[0].tool_calls[1].function.arguments"),
        ([{"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "x", "arguments": {}}}]}],
         "messages[0].tool_calls[0].function.arguments"),
        ([{"role": "function", "content": "a"}], "messages[0].name"),
        ([{"role": "function", "name": "nobody", "content": "a"}], "messages[0].name"),
        ([{"role": "assistant", "function_call": {"name": "x"}}], "messages[0].function_call.arguments"),
    ],
)  # fmt: skip
def test_names_the_place_at_fault(wire: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        messages.parse(wire)

    assert caught.value.param == param
    assert param in caught.value.message


def test_refuses_json_that_nobody_can_store() -> None:
    deep: Any = []
    for _ in range(101):
        deep = [deep]

    with pytest.raises(InvalidRequest, match="nested more than 100 levels"):
        messages.parse([{**HI, "x": deep}])


def test_a_name_may_be_as_long_as_what_is_kept_of_it() -> None:
    (said,) = messages.parse([{"role": "user", "content": "Hi", "name": "n" * 200}])

    assert said.name == "n" * 200
