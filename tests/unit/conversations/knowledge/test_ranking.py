"""BM25, and lists merged by reciprocal rank."""

import pytest

from conversations.knowledge import ranking, reciprocal_ranks


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


def test_merged_lists_favour_what_both_have() -> None:
    assert [item for item, _ in reciprocal_ranks.merge([1, 2, 3], [3, 4])] == [3, 1, 2, 4]
    assert reciprocal_ranks.merge([7]) == [(7, 1 / 61)]
