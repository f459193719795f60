"""When the nearest passage is a match, and when the best of many that say something else."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.knowledge.nearness import PASSAGES_MIN, is_near, shares

CHANCE = 0.5


def similarities(number: int, *, middle: float = 0.75, spread: float = 0.02) -> list[float]:
    drawn = random.Random(number)
    return [drawn.gauss(middle, spread) for _ in range(number)]


@pytest.mark.parametrize("number", [100, 1_000])
@pytest.mark.parametrize("middle", [0.1, 0.75, 0.86])
def test_what_stands_out_is_near_whatever_the_others_are(number: int, middle: float) -> None:
    others = similarities(number, middle=middle)

    assert is_near(middle + 6 * 0.02, others, passages=number, chance=CHANCE)
    assert not is_near(middle + 2 * 0.02, others, passages=number, chance=CHANCE)


def test_of_more_passages_the_best_is_higher_by_chance() -> None:
    others = similarities(1_000)
    best = 0.75 + 3.5 * 0.02

    assert is_near(best, others, passages=1_000, chance=CHANCE)
    assert not is_near(best, others, passages=100_000, chance=CHANCE)


def test_many_that_answer_the_question_do_not_hide_each_other() -> None:
    others = similarities(700) + similarities(300, middle=0.9)

    assert is_near(0.9 + 0.04, others, passages=1_000, chance=CHANCE)


def test_few_passages_say_nothing() -> None:
    others = similarities(PASSAGES_MIN - 1)

    assert is_near(0.0, others, passages=len(others), chance=CHANCE)
    assert is_near(0.0, [], passages=1_000, chance=CHANCE)


def test_equal_passages_are_all_near() -> None:
    assert is_near(0.8, [0.8] * 100, passages=100, chance=CHANCE)


def test_a_share_is_the_way_from_what_is_unrelated_to_the_same() -> None:
    assert shares([1.0, 0.875, 0.75, 0.5], [0.5, 0.75, 0.875]) == [1.0, 0.5, 0.0, 0.0]
    # Of two passages the other one is unrelated, and of passages that all say the same nothing is nearer.
    assert shares([0.75, 0.5], [0.75, 0.5]) == [0.5, 0.0]
    assert shares([1.0000001, 1.0], [1.0, 1.0]) == [0.0, 0.0]
    assert shares([0.5, -0.5], []) == [shares([0.5], [-0.5])[0], 0.0]
    assert shares([], []) == []


@given(st.lists(st.floats(-1.001, 1.001), max_size=9), st.lists(st.floats(-1.001, 1.001), max_size=9))
def test_shares_lie_between_0_and_1_in_the_order_of_the_similarities(found: list[float], others: list[float]) -> None:
    found.sort(reverse=True)

    near = shares(found, others)

    assert near == sorted(near, reverse=True)
    assert all(0.0 <= share <= 1.0 for share in near)
