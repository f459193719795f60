"""Types are strict here, unlike in the other families (docs/contract E)."""

from typing import Any

import pytest

from conversations.errors import InvalidRequest
from conversations.views.bodies import request_body
from conversations.views.openai.serializers import ChatSerializer

SERIALIZER = ChatSerializer()
TEXTS = (
    "model", "user", "reasoning_effort", "verbosity", "service_tier", "safety_identifier", "prompt_cache_key",
    "prompt_cache_retention",
)  # fmt: skip
FLAGS = ("stream", "store", "logprobs", "parallel_tool_calls")
NUMBERS = {"temperature": (0, 2), "top_p": (0, 1), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2)}
INTEGERS = {
    "n": (1, 128),
    "max_tokens": (1, 2**31 - 1),
    "max_completion_tokens": (1, 2**31 - 1),
    "top_logprobs": (0, 20),
    "seed": (-(2**63), 2**63 - 1),
}


def checked(**body: Any) -> Any:
    return request_body.validated(SERIALIZER, body)


def refused(**body: Any) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        checked(**body)
    return caught.value.param


@pytest.mark.parametrize("name", [*TEXTS, *FLAGS, *NUMBERS, *INTEGERS, "messages", "tools", "stop"])
def test_null_means_left_out(name: str) -> None:
    assert checked(**{name: None}) == {}


def test_ignores_what_it_does_not_know() -> None:
    assert checked(top_k=40, thinking={"type": "enabled"}) == {}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", [1, True, [], {}])
def test_a_text_is_a_string(name: str, value: Any) -> None:
    assert checked(**{name: "x"}) == {name: "x"}
    assert refused(**{name: value}) == name


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", ["true", "false", 1, 0, []])
def test_a_flag_is_a_boolean(name: str, value: Any) -> None:
    assert checked(**{name: False}) == {name: False}
    assert refused(**{name: value}) == name


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_kept_as_it_was_written(name: str) -> None:
    least, most = NUMBERS[name]

    for value in (least, most, 0.5):
        found = checked(**{name: value})[name]
        assert (found, type(found)) == (value, type(value))
    for bad in (least - 0.01, most + 0.01, "1", True, [1]):
        assert refused(**{name: bad}) == name


@pytest.mark.parametrize("name", INTEGERS)
def test_an_integer_may_be_written_with_a_point(name: str) -> None:
    least, most = INTEGERS[name]

    assert [checked(**{name: value})[name] for value in (least, most, 2)] == [least, most, 2]
    found = checked(**{name: 3.0})[name]
    assert (found, type(found)) == (3, int)
    for bad in (least - 1, most + 1, 2.5, "2", True, 1.8446744073709552e19):
        assert refused(**{name: bad}) == name


def test_says_what_would_be_right() -> None:
    with pytest.raises(InvalidRequest, match=r"^temperature: must be a number from 0 to 2\.$"):
        checked(temperature=3)
