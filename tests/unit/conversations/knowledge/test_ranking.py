"""BM25, and what becomes of it beside vectors."""

import pytest

from conversations.knowledge import merging, ranking


def test_ranks_by_rare_words_first() -> None:
    scores = ranking.rank("the red fox", ["the the the dog", "the fox", "a red fox", "nothing of it", ""])

    assert sorted(range(5), key=lambda at: -scores[at])[:3] == [2, 1, 0]
    assert scores[3:] == [0.0, 0.0]


def test_a_score_is_that_of_bm25() -> None:
    # One of two texts has the word, once; both have two words.
    assert ranking.rank("fox", ["red fox", "the dog"]) == [pytest.approx(0.6931471805599453), 0.0]


def test_chinese_is_ranked() -> None:
    scores = ranking.rank("北京的天气", ["上海的天气很好", "北京的天气很好", "今天"])

    assert scores[1] > scores[0] > scores[2] == 0.0


def test_nothing_is_asked_or_nothing_is_there() -> None:
    assert ranking.rank("?", ["a text"]) == [0.0]
    assert ranking.rank("a text", []) == []


def test_what_both_measures_have_comes_before_what_one_has() -> None:
    assert merging.merge({1: 0.5, 2: 0.25, 3: 0.25}, {3: 0.5, 4: 0.25}) == [
        (3, 0.375),
        (1, 0.25),
        (2, 0.125),
        (4, 0.125),
    ]
    assert merging.merge({}, {7: 0.5}) == [(7, 0.25)]


def test_the_first_of_a_list_that_knows_little_is_not_before_what_is_near() -> None:
    by_words, by_meaning = {1: 0.04, 2: 0.03}, {3: 0.5, 4: 0.4, 1: 0.3, 2: 0.3}

    assert [item for item, _ in merging.merge(by_words, by_meaning)] == [3, 4, 1, 2]
