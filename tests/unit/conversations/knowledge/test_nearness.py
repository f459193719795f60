"""When the nearest passage is a match, and when the best of many that say something else."""

import random

import pytest

from conversations.knowledge.nearness import PASSAGES_MIN, is_near

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
