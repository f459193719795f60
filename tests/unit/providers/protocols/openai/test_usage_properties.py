"""Whatever a vendor says, nothing is negative and nobody has used more than the vendor counted."""

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conversations.rules.money import unit_counts
from conversations.values.prices import UnitKind
from providers import serialization
from providers.protocols.openai import usage

PROMPT, COMPLETION = ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")
HITS = ("prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
WRITES = ("cache_creation_input_tokens", "cache_write_tokens", "cache_creation_tokens")
BY_LIFETIME = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
OTHERS = ("prompt_cache_miss_tokens", "reasoning_tokens", "num_search_queries", "num_sources_used")
NAMES = (*PROMPT, *COMPLETION, *HITS, *WRITES, *OTHERS, "total_tokens")

sensible = st.integers(min_value=0, max_value=5_000)
odd = st.one_of(
    *(st.integers(), st.just(10**30), st.floats(), st.booleans(), st.none(), st.text(max_size=5)),
    *(sensible.map(str), sensible.map(float), st.sampled_from(["NaN", "-1", "1e30", "inf"]), st.lists(sensible)),
)
numbers = sensible | sensible | sensible | odd
lifetimes = st.dictionaries(st.sampled_from(BY_LIFETIME), numbers) | odd
details = (
    st.dictionaries(
        st.sampled_from([*HITS, *WRITES, "reasoning_tokens", "audio_tokens", "image_tokens", "video_tokens"]), numbers
    )
    | odd
)
wires = st.builds(
    lambda flat, nested: {**flat, **nested},
    st.dictionaries(st.sampled_from(NAMES), numbers),
    st.fixed_dictionaries(
        {},
        optional={
            "prompt_tokens_details": details,
            "completion_tokens_details": details,
            "input_tokens_details": details,
            "output_tokens_details": details,
            "cache_creation": lifetimes,
            "server_tool_use": st.dictionaries(st.just("web_search_requests"), numbers) | odd,
        },
    ),
)


def said(value: Any) -> int:
    """What a number says; 0 for nonsense."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0
    return int(number) if not isinstance(value, bool) and 0 <= number <= usage.MAX_TOKENS else 0


def most(wire: dict[str, Any], *names: str) -> int:
    return max(said(wire.get(name)) for name in names)


def everything(wire: Any) -> int:
    if isinstance(wire, dict):
        return sum(everything(value) for value in wire.values())
    return said(wire)


@given(wires)
def test_no_part_is_negative_and_all_parts_together_are_the_total(wire: dict[str, Any]) -> None:
    found = usage.read(wire)

    if found is not None:
        units = unit_counts.of_usage(found)
        assert all(count > 0 for count in units.units.values())
        assert (units.prompt_tokens, units.completion_tokens) == (found.prompt_tokens, found.completion_tokens)
        assert units.units.get(UnitKind.CACHE_WRITE_1H, 0) <= found.prompt_details.get("cache_write_tokens", 0)
        assert 0 <= found.searches <= usage.MAX_SEARCHES
        assert found.cost is None or math.isfinite(found.cost)
        assert serialization.load_usage(json.loads(json.dumps(serialization.dump_usage(found)))) == found


@given(wires)
def test_a_vendor_that_contradicts_itself_yields_no_more_than_it_said_in_total(wire: dict[str, Any]) -> None:
    found = usage.read(wire)

    if found is not None:
        prompt = max(most(wire, *PROMPT), said(wire.get("prompt_cache_miss_tokens")) + everything_cached(wire))
        total = said(wire.get("total_tokens"))
        assert found.total_tokens <= (max(total, prompt + most(wire, *COMPLETION)) if total else everything(wire))


def everything_cached(wire: dict[str, Any]) -> int:
    within = [wire, *(found for name in ("prompt", "input") if (found := wire.get(f"{name}_tokens_details")))]
    return max(most(part, *HITS) for part in within if isinstance(part, dict))


@given(st.lists(wires, max_size=4))
def test_counts_that_come_again_never_shrink(reports: list[dict[str, Any]]) -> None:
    totals: list[int] = []
    latest = None
    for wire in reports:
        latest = usage.larger(latest, usage.read(wire))
        totals.append(latest.total_tokens if latest else 0)

    assert totals == sorted(totals)


@given(st.lists(st.tuples(sensible, sensible), min_size=1, max_size=4))
def test_whole_reports_are_not_added_up(reports: list[tuple[int, int]]) -> None:
    whole = [{"prompt_tokens": prompt + 1, "completion_tokens": completion} for prompt, completion in reports]
    latest = None
    for wire in whole:
        latest = usage.larger(latest, usage.read(wire))

    assert latest is not None
    assert latest.total_tokens == max(prompt + 1 + completion for prompt, completion in reports)
