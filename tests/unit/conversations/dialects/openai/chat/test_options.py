from typing import Any

import pytest

from conversations.dialects.openai.chat import options
from conversations.errors import InvalidRequest

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "x-own": [1, None]}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}}
ALL: dict[str, Any] = {
    "temperature": 0, "top_p": 0.5, "n": 2, "max_tokens": 5, "presence_penalty": -2, "frequency_penalty": 2,
    "user": "u", "seed": 7, "reasoning_effort": "low", "service_tier": "flex", "logprobs": True, "top_logprobs": 3,
    "parallel_tool_calls": False, "verbosity": "low", "prompt_cache_key": "k", "prompt_cache_retention": "24h",
    "safety_identifier": "s", "stop": ["a", "b"], "logit_bias": {"50256": -100}, "tools": [TOOL],
    "tool_choice": "required", "response_format": SCHEMA, "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"}, "prediction": {"type": "content", "content": "x"},
    "web_search_options": {},
}  # fmt: skip


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_passes_every_option_on_as_it_is() -> None:
    assert options.parse(ALL) == ALL


def test_keeps_what_is_ours_to_itself() -> None:
    ours = {"model": "m", "messages": [], "stream": True, "stream_options": {}, "store": True, "metadata": {}}

    assert options.parse(ours) == {}


def test_prefers_the_newer_name_for_the_longest_answer() -> None:
    assert options.parse({"max_tokens": 5, "max_completion_tokens": 9}) == {"max_completion_tokens": 9}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stop", "."),
        ("stop", []),
        ("tools", []),
        ("tools", [{"type": "custom", "custom": {"name": "sh"}}, {"type": "web_search"}]),
        ("tool_choice", "none"),
        ("tool_choice", {"type": "function", "function": {"name": "look"}}),
        ("tool_choice", {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}),
        ("response_format", {"type": "text"}),
        ("response_format", {"type": "json_object"}),
        ("audio", {"voice": {"id": "v"}, "format": "mp3"}),
        ("logit_bias", {}),
    ],
)
def test_takes(name: str, value: Any) -> None:
    assert options.parse({name: value}) == {name: value}


@pytest.mark.parametrize(
    ("name", "value", "param"),
    [
        ("stop", ["a", "b", "c", "d", "e"], "stop"),
        ("stop", 1, "stop"),
        ("stop", ["a", 1], "stop"),
        ("stop", "\x00", "stop"),
        ("logit_bias", [], "logit_bias"),
        ("logit_bias", {"1": 101}, "logit_bias.1"),
        ("logit_bias", {"one": 1}, "logit_bias"),
        ("logit_bias", {"": 1}, "logit_bias"),
        ("logit_bias", {"²": 1}, "logit_bias"),
        ("logit_bias", {"1": True}, "logit_bias.1"),
        ("tools", {}, "tools"),
        ("tools", ["x"], "tools[0]"),
        ("tools", [TOOL, {"function": {"name": "x"}}], "tools[1].type"),
        ("tools", [{"type": "function"}], "tools[0].function"),
        ("tools", [{"type": "function", "function": {}}], "tools[0].function.name"),
        ("tools", [{"type": "function", "function": {"name": ""}}], "tools[0].function.name"),
        ("tools", [{"type": "function", "function": {"name": "f", "description": "\x00"}}], "tools"),
        ("tool_choice", "maybe", "tool_choice"),
        ("tool_choice", ["auto"], "tool_choice"),
        ("tool_choice", {"function": {"name": "x"}}, "tool_choice.type"),
        ("tool_choice", {"type": "function", "function": {}}, "tool_choice.function.name"),
        ("response_format", "json_object", "response_format"),
        ("response_format", {}, "response_format.type"),
        ("response_format", {"type": "xml"}, "response_format.type"),
        ("response_format", {"type": "json_schema"}, "response_format.json_schema"),
        ("response_format", {"type": "json_schema", "json_schema": {}}, "response_format.json_schema.name"),
        ("modalities", "text", "modalities"),
        ("audio", {"format": "wav"}, "audio.voice"),
        ("audio", {"voice": "alloy"}, "audio.format"),
        ("prediction", {"content": "x"}, "prediction.type"),
        ("web_search_options", [], "web_search_options"),
        ("web_search_options", {"search_context_size": "huge"}, "web_search_options.search_context_size"),
        ("web_search_options", {"search_context_size": []}, "web_search_options.search_context_size"),
        ("web_search_options", {"search_context_size": ""}, "web_search_options.search_context_size"),
        ("web_search_options", {"user_location": 5}, "web_search_options.user_location"),
        ("web_search_options", {"user_location": {"type": "exact"}}, "web_search_options.user_location.type"),
        ("web_search_options", {"user_location": {"approximate": []}}, "web_search_options.user_location.approximate"),
        ("web_search_options", {"user_location": {"country": "Germany"}}, "web_search_options.user_location.country"),
        *(
            (
                "web_search_options",
                {"user_location": {"type": "approximate", "approximate": {name: value}}},
                f"web_search_options.user_location.approximate.{name}",
            )
            for name, value in [
                ("country", "Germany"),
                ("country", "ÄÖ"),
                ("country", "D\n"),
                ("country", ["D", "E"]),
                ("city", 5),
                ("region", {}),
                ("timezone", "a\x00"),
            ]
        ),
        ("functions", {}, "functions"),
        ("functions", [{}], "functions[0].name"),
    ],
)
def test_refuses(name: str, value: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        options.parse({name: value})

    assert caught.value.param == param


def test_functions_of_2023_become_tools() -> None:
    function = {"name": "look", "parameters": {}}

    assert options.parse({"functions": [function], "function_call": {"name": "look"}}) == {
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": "look"}},
        "parallel_tool_calls": False,
    }
    assert options.parse({"functions": [function], "function_call": "auto"})["tool_choice"] == "auto"


@pytest.mark.parametrize("more", [{"tools": [TOOL]}, {"function_call": "required"}, {"function_call": {}}])
def test_refuses_functions_that_make_no_sense(more: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        options.parse({"functions": [{"name": "look"}], **more})


def test_keeps_apart_what_is_for_the_vendor_alone() -> None:
    given = {"thinking": {"type": "enabled"}, "top_k": 4, "min_p": None, "x": [1.5, "é"]}

    assert options.extra_body(given) == {"extra_body": {"thinking": {"type": "enabled"}, "top_k": 4, "x": [1.5, "é"]}}
    assert options.extra_body({}) == {}


@pytest.mark.parametrize(
    "name",
    [
        "Model", "MODEL", "\u017ftream", "\u212aey", "_x", "x-y", "x" * 65, "", "0x", "x\x00", "\ud800", "x\n",
        "models", "prompt", "conversation_id", "trace_id", "id", "extra_body", "preset", "stateful", "user_id",
    ],
)  # fmt: skip
def test_passes_nothing_on_that_may_be_read_as_something_else(name: str) -> None:
    assert options.extra_body({name: 1}) == {}


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"thinking": "\x00"}, "thinking"),
        ({"thinking": [{"a": ["\ud800"]}]}, "thinking"),
        ({"thinking": {"\x00": 1}}, "thinking"),
        ({"thinking": deep(300)}, "thinking"),
        ({"small": 1, "large": "x" * 100_000}, "large"),
        ({f"x{number}": 1 for number in range(65)}, None),
    ],
)
def test_refuses_of_it_what_cannot_be_kept(given: dict[str, Any], param: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        options.extra_body(given)

    assert caught.value.param == param
