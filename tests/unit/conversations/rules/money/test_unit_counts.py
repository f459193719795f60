"""Every token of a usage is counted once, in one kind."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rules.money import unit_counts
from conversations.values.prices import UnitKind
from providers.messages import Usage

PLAIN = {UnitKind.INPUT: 10, UnitKind.OUTPUT: 4, UnitKind.CALL: 1}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(10, 4), PLAIN),
        (Usage(10, 4, source="estimated"), PLAIN),
        (Usage(0, 0), {UnitKind.CALL: 1}),
        (
            Usage(10, 4, {"cached_tokens": 7}, {"reasoning_tokens": 3}),
            {UnitKind.CACHE_READ: 7, UnitKind.INPUT: 3, UnitKind.REASONING: 3, UnitKind.OUTPUT: 1, UnitKind.CALL: 1},
        ),
        (
            Usage(10, 0, {"cached_tokens": 2, "cache_write_tokens": 5}, cache_write_1h_tokens=3),
            {
                UnitKind.CACHE_READ: 2,
                UnitKind.CACHE_WRITE_1H: 3,
                UnitKind.CACHE_WRITE_5M: 2,
                UnitKind.INPUT: 3,
                UnitKind.CALL: 1,
            },
        ),
        (
            Usage(20, 9, {"audio_tokens": 5, "image_tokens": 6, "video_tokens": 4}, {"audio_tokens": 8}),
            {
                UnitKind.AUDIO_INPUT: 5,
                UnitKind.IMAGE_INPUT: 10,
                UnitKind.INPUT: 5,
                UnitKind.AUDIO_OUTPUT: 8,
                UnitKind.OUTPUT: 1,
                UnitKind.CALL: 1,
            },
        ),
        (
            Usage(10, 900, {}, {"image_tokens": 900}, searches=2),
            {UnitKind.INPUT: 10, UnitKind.IMAGE_OUTPUT: 900, UnitKind.CALL: 1, UnitKind.SEARCH: 2},
        ),
        # Contradictions: the total holds.
        (Usage(10, 4, {"cached_tokens": 99}), {UnitKind.CACHE_READ: 10, UnitKind.OUTPUT: 4, UnitKind.CALL: 1}),
        (
            Usage(10, 4, {"cached_tokens": 8, "cache_write_tokens": 8, "audio_tokens": 8}),
            {UnitKind.CACHE_READ: 8, UnitKind.CACHE_WRITE_5M: 2, UnitKind.OUTPUT: 4, UnitKind.CALL: 1},
        ),
        (Usage(10, 4, cache_write_1h_tokens=6), PLAIN),
        (Usage(10, 4, {"cached_tokens": -5}, {"reasoning_tokens": -1}, searches=-3), PLAIN),
        (Usage(-1, -2), {UnitKind.CALL: 1}),
    ],
)
def test_puts_each_token_into_one_kind(usage: Usage, expected: Mapping[UnitKind, int]) -> None:
    assert unit_counts.of_usage(usage).units == expected


def test_counts_the_calls_of_a_run_and_none_before_the_first() -> None:
    assert unit_counts.of_usage(Usage(0, 0), calls=3).units == {UnitKind.CALL: 3}
    assert unit_counts.of_usage(Usage(0, 0), calls=0).units == {}


def test_takes_nothing_of_a_question_to_be_cached() -> None:
    assert unit_counts.estimated(input_tokens=10, output_tokens=4).units == PLAIN


counts = st.integers(min_value=-(10**9), max_value=10**9)
totals = st.integers(min_value=0, max_value=10**9)
names = st.sampled_from(
    ["cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "video_tokens", "reasoning_tokens", "odd"]
)
details = st.dictionaries(names, counts)


usages = st.builds(Usage, totals, totals, details, details, cache_write_1h_tokens=counts, searches=counts)


@given(usages)
def test_parts_add_up_to_the_total_and_none_is_negative(usage: Usage) -> None:
    found = unit_counts.of_usage(usage)

    assert (found.prompt_tokens, found.completion_tokens) == (usage.prompt_tokens, usage.completion_tokens)
    assert min(found.units.values()) > 0
    assert sum(count for kind, count in found.units.items() if kind.is_token) == usage.total_tokens
