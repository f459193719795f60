from typing import Any

import orjson
import pytest

from providers.catalog import Target
from providers.messages import BareText, CompletionRequest
from providers.protocols.openai.completions import request as wire_request

STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


def target(**fields: Any) -> Target:
    return Target("openai", "OpenAI", "openai", "http://h/v1", "vendor-name", **fields)


@pytest.mark.parametrize(
    ("prompts", "wire"),
    [
        (("Once",), "Once"),
        (("",), ""),
        (("a", "b"), ["a", "b"]),
        (((1, 2),), [1, 2]),
        (((1, 2), (3,)), [[1, 2], [3]]),
        (([1, 2], "b"), [[1, 2], "b"]),
    ],
)
def test_writes_every_kind_of_prompt(prompts: tuple[BareText, ...], wire: Any) -> None:
    body = orjson.loads(wire_request.dump(CompletionRequest("public-name", prompts), target()))

    assert body == {"model": "vendor-name", "prompt": wire, **STREAMED}


def test_sends_options_as_given() -> None:
    options = {"suffix": "!", "echo": True, "n": 2, "logprobs": 1, "stop": ["a"], "max_tokens": 5}

    body = wire_request.body(CompletionRequest("m", ("a",), options), target(options={"max_tokens": 1}))

    assert body == {"model": "vendor-name", "prompt": "a", **options, **STREAMED}


@pytest.mark.parametrize(("best_of", "added"), [(1, STREAMED), (None, STREAMED), (3, {})])
def test_does_not_stream_when_the_best_answer_is_chosen_at_the_end(best_of: int | None, added: dict[str, Any]) -> None:
    body = wire_request.body(CompletionRequest("m", ("a",), {"best_of": best_of}), target())

    assert body == {"model": "vendor-name", "prompt": "a", "best_of": best_of, **added}


def test_does_not_ask_a_vendor_for_usage_that_refuses_stream_options() -> None:
    body = wire_request.body(CompletionRequest("m", ("a",)), target(quirks=frozenset({"no_stream_usage"})))

    assert body == {"model": "vendor-name", "prompt": "a", "stream": True}


def test_no_option_replaces_the_model_or_the_input() -> None:
    body = wire_request.body(CompletionRequest("m", ("a",), {"model": "x", "prompt": "b", "stream": False}), target())

    assert body == {"model": "vendor-name", "prompt": "a", **STREAMED}
