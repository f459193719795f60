"""What is kept of long texts: the same as if it were made anew, for each text its own, and not too much."""

from dataclasses import replace

import pytest

from conversations.knowledge import passages, terms
from conversations.knowledge.prepared import KEPT_MIN_CHARS, Kept, Prepared
from providers import tokens

LONG = "The heron nests early, and the stork nests late. 苍鹭筑巢很早。\n\n" * (KEPT_MIN_CHARS // 50)
STARTS = (0, 10_000, 30_000)


@pytest.mark.parametrize("starts", [(), STARTS])
def test_it_is_what_splitting_and_counting_give(starts: tuple[int, ...]) -> None:
    made = Prepared(passages.split(LONG, starts))

    found = made.passages(LONG)

    assert list(found) == passages.split(LONG, starts)
    assert [one.tokens for one in found] == [tokens.estimate_text(one.text) for one in found]
    assert list(made.words(LONG)) == [terms.length(one.text) for one in found]
    assert replace(found[0], tokens=0) == passages.split(LONG, starts)[0]


def test_a_long_text_is_prepared_once_and_a_short_one_is_not_kept() -> None:
    kept = Kept()

    assert kept.of(LONG, ()) is kept.of("".join(list(LONG)), ())
    assert kept.of(LONG, ()) is not kept.of(LONG, STARTS)
    assert kept.of(LONG, ()) is not kept.of(f"{LONG[:-1]}x", ())
    assert kept.of("short", ()) is not kept.of("short", ())


def test_what_was_used_longest_ago_makes_room() -> None:
    texts = [f"{number} {LONG}" for number in range(3)]
    size = len(Prepared(passages.split(texts[0])))
    kept = Kept(most=2 * size + size // 2)

    first, second = (kept.of(text, ()) for text in texts[:2])
    assert kept.of(texts[0], ()) is first
    third = kept.of(texts[2], ())

    assert kept.of(texts[0], ()) is first
    assert kept.of(texts[2], ()) is third
    assert kept.of(texts[1], ()) is not second


def test_one_that_is_too_long_is_not_kept() -> None:
    kept = Kept(most=10)

    assert kept.of(LONG, ()) is not kept.of(LONG, ())
