"""One normal form of usage, however a vendor counts."""

import json
from typing import Any

import pytest

from providers import serialization
from providers.events import UsageReported
from providers.messages import Usage
from providers.protocols.openai import usage
from providers.protocols.openai.chat.response import ChatReader
from tests.fakes.replies import chunk, tokens

TOTAL = "total_tokens"
REASONED = {"completion_tokens_details": {"reasoning_tokens": 386}}


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (tokens(3, 4), Usage(3, 4)),
        ({"prompt_tokens": "3", "completion_tokens": 4.0}, Usage(3, 4)),
        ({"prompt_tokens": 3, "completion_tokens": None}, Usage(3, 0)),
        ({"prompt_tokens": 3, TOTAL: 7}, Usage(3, 4)),
        ({"completion_tokens": 4, TOTAL: 7}, Usage(3, 4)),
        ({"prompt_tokens": 3, "completion_tokens": 4, TOTAL: 1e30}, Usage(3, 4)),
        ({"input_tokens": 3, "output_tokens": 4}, Usage(3, 4)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "input_tokens": 0, "output_tokens": 0}, Usage(3, 4)),
        # Reasoning: included, as by OpenAI; counted beside, as by xAI; beside and not named, as by Gemini's facade.
        ({**tokens(12, 387), **REASONED}, Usage(12, 387, {}, {"reasoning_tokens": 386})),
        (
            {"prompt_tokens": 12, "completion_tokens": 1, TOTAL: 399, **REASONED},
            Usage(12, 387, {}, {"reasoning_tokens": 386}),
        ),
        ({"prompt_tokens": 12, "completion_tokens": 1, **REASONED}, Usage(12, 387, {}, {"reasoning_tokens": 386})),
        ({"prompt_tokens": 12, "completion_tokens": 1, TOTAL: 20}, Usage(12, 8, {}, {"reasoning_tokens": 7})),
        ({**tokens(12, 9), "reasoning_tokens": 4}, Usage(12, 9, {}, {"reasoning_tokens": 4})),
        ({"input_tokens": 1, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}},
         Usage(1, 5, {}, {"reasoning_tokens": 2})),
        # Cached tokens, under each of their names.
        (
            {**tokens(100, 50), "prompt_cache_hit_tokens": 80, "prompt_cache_miss_tokens": 20},
            Usage(100, 50, {"cached_tokens": 80}),
        ),
        ({**tokens(9, 1), "cached_tokens": 4}, Usage(9, 1, {"cached_tokens": 4})),
        ({**tokens(9, 1), "cached_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}},
         Usage(9, 1, {"cached_tokens": 5})),
        ({**tokens(9, 1), "prompt_tokens_details": {"cache_write_tokens": 3}}, Usage(9, 1, {"cache_write_tokens": 3})),
        ({**tokens(9, 1), "cache_creation_input_tokens": 3}, Usage(9, 1, {"cache_write_tokens": 3})),
        # Anthropic's facades count the cache beside the prompt.
        (
            {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 50, "cache_creation_input_tokens": 7},
            Usage(60, 4, {"cached_tokens": 50, "cache_write_tokens": 7}),
        ),
        (
            {"prompt_tokens": 30, "completion_tokens": 4, TOTAL: 54, "cache_read_input_tokens": 20},
            Usage(50, 4, {"cached_tokens": 20}),
        ),
        ({**tokens(70, 4), "cache_read_input_tokens": 60}, Usage(70, 4, {"cached_tokens": 60})),
        # Its own names alone, of a prompt longer than its cache.
        (
            {"input_tokens": 100, "output_tokens": 4, "cache_read_input_tokens": 50, "cache_creation_input_tokens": 0},
            Usage(150, 4, {"cached_tokens": 50, "cache_write_tokens": 0}),
        ),
        ({"input_tokens": 100, "output_tokens": 4, TOTAL: 104, "cache_read_input_tokens": 50},
         Usage(100, 4, {"cached_tokens": 50})),
        # For how long: as Anthropic says it, as LiteLLM passes it on, and as Qwen does.
        (
            {
                **tokens(90, 4),
                "cache_creation_input_tokens": 60,
                "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 40},
            },
            Usage(90, 4, {"cache_write_tokens": 60}, cache_write_1h_tokens=40),
        ),
        (
            {
                **tokens(90, 4),
                "prompt_tokens_details": {
                    "cache_creation_tokens": 60,
                    "cache_creation_token_details": {"ephemeral_1h_input_tokens": "60"},
                },
            },
            Usage(90, 4, {"cache_write_tokens": 60}, cache_write_1h_tokens=60),
        ),
        (
            {
                **tokens(90, 4),
                "prompt_tokens_details": {
                    "cached_tokens": 7,
                    "cache_creation": {"ephemeral_5m_input_tokens": 20},
                    "cache_creation_input_tokens": 20,
                    "cache_type": "ephemeral",
                },
            },
            Usage(90, 4, {"cached_tokens": 7, "cache_write_tokens": 20}),
        ),
        ({**tokens(90, 4), "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3}},
         Usage(90, 4, {"cache_write_tokens": 5}, cache_write_1h_tokens=3)),
        ({**tokens(90, 4), "cache_creation_input_tokens": 2, "cache_creation": {"ephemeral_1h_input_tokens": 9}},
         Usage(90, 4, {"cache_write_tokens": 2}, cache_write_1h_tokens=2)),
        ({**tokens(3, 4), "cache_creation": {"ephemeral_1h_input_tokens": -9, "ephemeral_5m_input_tokens": None}},
         Usage(3, 4)),
        # DeepSeek's pair without the prompt, of which it is the sum.
        ({"completion_tokens": 4, "prompt_cache_hit_tokens": 80, "prompt_cache_miss_tokens": 20},
         Usage(100, 4, {"cached_tokens": 80})),
        ({"completion_tokens": 4, "cache_read_input_tokens": 80, "prompt_cache_miss_tokens": 20},
         Usage(100, 4, {"cached_tokens": 80})),
        # Searches: Anthropic's, Perplexity's, and xAI's sources.
        ({**tokens(3, 4), "server_tool_use": {"web_search_requests": 2}}, Usage(3, 4, searches=2)),
        ({**tokens(3, 4), "num_search_queries": 3}, Usage(3, 4, searches=3)),
        ({**tokens(3, 4), "num_sources_used": "5"}, Usage(3, 4, searches=5)),
        ({**tokens(3, 4), "num_search_queries": 10_001}, Usage(3, 4)),
        ({**tokens(3, 4), "num_search_queries": True, "server_tool_use": [1]}, Usage(3, 4)),
        # The cost, as OpenRouter, Perplexity and others report it.
        ({**tokens(1, 2), "cost": 0.00014}, Usage(1, 2, cost=0.00014)),
        ({**tokens(1, 2), "cost": "0.5"}, Usage(1, 2, cost=0.5)),
        ({**tokens(1, 2), "cost": 0}, Usage(1, 2, cost=0.0)),
        ({**tokens(1, 2), "cost": {"input_tokens_cost": 0.1, "total_cost": 0.3}}, Usage(1, 2, cost=0.3)),
        ({**tokens(1, 2), "estimated_cost": 0.25}, Usage(1, 2, cost=0.25)),
        ({**tokens(1, 2), "cost": -1}, Usage(1, 2)),
        ({**tokens(1, 2), "cost": "inf"}, Usage(1, 2)),
        ({**tokens(1, 2), "cost": 1e30}, Usage(1, 2)),
        ({**tokens(1, 2), "cost": True}, Usage(1, 2)),
        # Invalid details.
        ({**tokens(3, 4), "prompt_tokens_details": None, "completion_tokens_details": 7}, Usage(3, 4)),
        (
            {**tokens(3, 4), "prompt_tokens_details": {"cached_tokens": 2, "odd": "x", "huge": 1e25, "deep": {"a": 1}}},
            Usage(3, 4, {"cached_tokens": 2}),
        ),
        ({**tokens(3, 4), "prompt_tokens_details": {"a\ud83d": 1}}, Usage(3, 4, {"a\ufffd": 1})),
    ],
)  # fmt: skip
def test_brings_every_count_into_one_form(wire: dict[str, Any], expected: Usage) -> None:
    found = usage.read(wire)

    assert found == expected
    assert found is not None
    assert serialization.load_usage(json.loads(json.dumps(serialization.dump_usage(found)))) == expected


@pytest.mark.parametrize(
    "wire",
    [
        None, 7, "x", [], {}, {TOTAL: 3},
        {"prompt_tokens": 1e25, "completion_tokens": 1},
        {"prompt_tokens": 1, "completion_tokens": 1e30},
        {"prompt_tokens": 10**12, "completion_tokens": 1},
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": "inf", "completion_tokens": "nan"},
        {"prompt_tokens": "9" * 400, "completion_tokens": 1},
        {"prompt_tokens": [1], "completion_tokens": {"a": 1}},
        {"prompt_tokens": True, "completion_tokens": False},
    ],
)  # fmt: skip
def test_ignores_impossible_counts(wire: Any) -> None:
    assert usage.read(wire) is None


def test_limits_the_number_of_details() -> None:
    wire = {**tokens(1, 2), "prompt_tokens_details": {f"{number}" * 100: 1 for number in range(1000)}}

    found = usage.read(wire)

    assert found is not None
    assert len(found.prompt_details) <= usage.MAX_DETAILS
    assert max(map(len, found.prompt_details)) <= usage.MAX_NAME_CHARACTERS


def told(*payloads: Any) -> list[Usage]:
    reader = ChatReader(vendor="v", display_name="V")
    events = [event for payload in payloads for event in reader.read(json.dumps(payload).encode())]
    return [event.usage for event in [*events, *reader.finish()] if isinstance(event, UsageReported)]


def saying(text: str, *, finish: str | None = None, choice: int = 0, **more: Any) -> dict[str, Any]:
    return {**chunk({"content": text}, finish=finish, choice=choice), **more}


def alone(wire: Any) -> dict[str, Any]:
    return {"choices": [], "usage": wire}


END = saying("", finish="stop")


@pytest.mark.parametrize(
    ("payloads", "expected"),
    [
        # A running count in every chunk and after the finish: the last and largest counts.
        ([saying("a", usage=tokens(5, count)) for count in (1, 2)] + [END], [Usage(5, 2)]),
        ([saying("a"), END, alone(tokens(5, 2))], [Usage(5, 2)]),
        ([saying("a"), END, alone(tokens(5, 2)), alone(tokens(5, 2))], [Usage(5, 2)]),
        ([saying("a", usage=tokens(5, 9)), {**END, "usage": tokens(0, 0)}], [Usage(5, 9)]),
        ([alone(tokens(5, 0)), saying("a"), END, alone(tokens(5, 2))], [Usage(5, 0), Usage(5, 2)]),
        ([saying("a"), alone(tokens(5, 1)), saying("b"), {**END, "usage": tokens(5, 2)}], [Usage(5, 2)]),
        # Details that only one report has are kept.
        (
            [saying("a"), END, alone({**tokens(5, 2), "cost": 0.5}), alone(tokens(5, 3))],
            [Usage(5, 2, cost=0.5), Usage(5, 3, cost=0.5)],
        ),
        ([saying("a", usage=tokens(5, 2)), {**END, "usage": tokens(10**12, 1)}], [Usage(5, 2)]),
        # In two halves, as Anthropic does.
        (
            [saying("a", usage={"input_tokens": 90, "output_tokens": 1}), END, alone({"output_tokens": 50})],
            [Usage(90, 50)],
        ),
        (
            [
                saying("a", usage={"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": 60}),
                {**END, "usage": {"output_tokens": 50, "server_tool_use": {"web_search_requests": 1}}},
            ],
            [Usage(69, 50, {"cached_tokens": 60}, searches=1)],
        ),
        # But two that contradict each other are not added up.
        ([saying("a"), END, alone(tokens(10, 5)), alone(tokens(5, 20))], [Usage(10, 5), Usage(5, 20)]),
        ([saying("a"), END, alone(None), alone([]), alone({})], []),
    ],
)
def test_reports_the_last_and_largest_count(payloads: list[Any], expected: list[Usage]) -> None:
    assert told(*payloads) == expected


def test_reads_usage_inside_a_choice() -> None:
    end = saying("", finish="stop")
    end["choices"][0]["usage"] = tokens(11, 22)

    assert told(saying("a"), end) == [Usage(11, 22)]
    assert told(saying("a"), end, alone(tokens(11, 23))) == [Usage(11, 23)]


def test_adds_up_the_usage_of_the_choices() -> None:
    ends = [saying("", finish="stop", choice=number) for number in (0, 1)]
    for end, count in zip(ends, (22, 5), strict=True):
        end["choices"][0]["usage"] = tokens(11, count)

    assert told(saying("a"), saying("b", choice=1), *ends) == [Usage(11, 27)]
