from typing import Any

import orjson
import pytest

from conversations.errors import InvalidRequest
from conversations.rules.generation import preset_options

GOOD: dict[str, Any] = {
    "temperature": 0.2, "top_p": 1, "n": 2, "seed": -7, "max_tokens": 5, "logprobs": True, "top_logprobs": 3,
    "user": "u", "reasoning_effort": "low", "stop": ["a"], "logit_bias": {"1": 2}, "response_format": {"type": "text"},
    "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto", "thinking": {"type": "enabled"},
}  # fmt: skip


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


BAD: list[tuple[str, Any]] = [
    *[(name, "x") for name in (
        "model", "messages", "stream", "stream_options", "store", "metadata", "async", "callback_url", "functions",
        "function_call", "prompt", "input", "models", "extra_body", "encoding_format", "conversation_id",
    )],
    ("temperature", 3), ("temperature", "hot"), ("temperature", True), ("temperature", float("nan")),
    ("temperature", 10**400), ("top_p", float("inf")), ("n", 129), ("n", 0), ("n", 1.5), ("seed", 2**64),
    ("seed", 10**5000), ("max_tokens", 0), ("logprobs", 1), ("user", 1), ("user", "\x00"), ("user", "u" * 1_025),
    ("stop", ["a"] * 5), ("tools", {}), ("thinking", float("nan")), ("thinking", {"a": [float("-inf")]}),
    ("thinking", deep(200)), ("thinking", "\x00"), ("thinking", "\ud800"),
]  # fmt: skip


def test_takes_a_requests_options_and_a_vendors_fields() -> None:
    assert preset_options.checked(GOOD) == GOOD
    assert preset_options.checked({"temperature": None, "n": 2.0}) == {"n": 2}


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda value: repr(value)[:30] if value != 10**5000 else "huge")
def test_refuses_what_no_preset_may_say(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        preset_options.checked({"top_p": 0.5, name: value})

    assert caught.value.param == name
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    "given",
    [
        [],
        "x",
        {"Model": "gpt-4o"},
        {"x" * 65: 1},
        {"": 1},
        {"thinking": 10**30},
        {"thinking": "x" * 100_000},
        {f"x{number}": "x" * 1_000 for number in range(100)},
    ],
)
def test_refuses_what_is_no_set_of_parameters(given: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        preset_options.checked(given)

    assert caught.value.param == "parameters"
    assert len(caught.value.message) < 200


def test_of_a_stored_row_the_vendors_fields_go_apart() -> None:
    stored = orjson.dumps({"top_p": 0.5, "thinking": 1, "seed": None}).decode()

    assert preset_options.usable(stored) == {"top_p": 0.5, "extra_body": {"thinking": 1}}


def test_of_a_stored_row_what_would_not_be_saved_today_is_left_out() -> None:
    stored = {"model": "gpt-4", "messages": [], "stream": False, "temperature": "hot", "n": 10_000, "top_p": 0.5}

    assert preset_options.usable(orjson.dumps(stored).decode()) == {"top_p": 0.5}


@pytest.mark.parametrize(
    "stored",
    [
        "[]", "null", '"x"', '{"n": ' + "1" * 5_000 + "}", '{"x": ' + "[" * 5_000 + "]" * 5_000 + "}",
        '{"x": "' + "x" * 100_000 + '"}', '{"temperature": 1e999}',
    ],
    ids=lambda value: value[:12],
)  # fmt: skip
def test_a_stored_row_of_any_kind_harms_nothing(stored: str) -> None:
    assert preset_options.usable(stored) == {}
