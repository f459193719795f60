"""Passages cover a text, and end where a reader would pause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.knowledge import passages

SENTENCE = "The quick brown fox jumps over the lazy dog near the river bank. "


@given(st.text(alphabet="ab .\n|\t你好。！\u0301\U0001f469\u200d\U0001f680", max_size=4_000))
def test_everything_but_blanks_is_in_exactly_one_passage(text: str) -> None:
    made = passages.split(text)

    end = 0
    for passage in made:
        assert text[passage.start : passage.end] == passage.text
        assert not text[end : passage.start].strip()
        assert len(passage.text) <= passages.MOST_CHARS * passages.REST_SHARE
        end = passage.end
    assert not text[end:].strip()


def test_a_short_text_is_one_passage() -> None:
    assert [(made.text, made.start, made.end, made.page) for made in passages.split("  A text.\n")] == [
        ("A text.", 2, 9, None)
    ]


@pytest.mark.parametrize(
    ("text", "lengths"),
    [("x" * 1_300, [1_300]), ("x" * 1_301, [1_000, 301]), ("好" * 650, [650]), ("好" * 651, [500, 151])],
)
def test_a_rest_that_is_a_little_too_long_stays_whole(text: str, lengths: list[int]) -> None:
    assert [len(made.text) for made in passages.split(text)] == lengths


def test_a_text_of_blanks_has_none() -> None:
    assert passages.split(" \n\n ") == []


def test_a_paragraph_is_the_best_border() -> None:
    first, second = SENTENCE * 10, SENTENCE * 10

    made = passages.split(f"{first.strip()}\n\n{second}")

    assert [passage.text for passage in made] == [first.strip(), second.strip()]


def test_sentences_stay_whole() -> None:
    made = passages.split(SENTENCE * 100)

    assert all(passage.text.startswith("The quick") and passage.text.endswith("bank.") for passage in made)
    assert len(made) == 7


def test_chinese_sentences_stay_whole_and_passages_have_half_as_many_characters() -> None:
    made = passages.split("敏捷的棕色狐狸跳过了懒狗。" * 100)

    assert all(passage.text.endswith("。") for passage in made)
    assert max(len(passage.text) for passage in made) == 494
    assert len(made) == 3


def test_rows_of_a_table_stay_whole() -> None:
    row = "| Mr. Fox | 12.50 | Near St. Paul. Often. |\n"

    made = passages.split(row * 60)

    assert all(line == row.strip() for passage in made for line in passage.text.splitlines())


def test_no_passage_lies_on_two_pages() -> None:
    made = passages.split("One.\nTwo.\nThree.", [0, 5, 10])

    assert [(passage.text, passage.page) for passage in made] == [("One.", 1), ("Two.", 2), ("Three.", 3)]


@pytest.mark.parametrize("unit", ["\U0001f469\u200d\U0001f680", "e\u0301"])
def test_a_character_is_not_cut_from_its_marks(unit: str) -> None:
    made = passages.split(unit * 1_000)

    assert all(passage.text[0] == unit[0] for passage in made)


def test_what_has_no_border_is_cut_all_the_same() -> None:
    assert [len(passage.text) for passage in passages.split("x" * 2_500)] == [1_000, 1_000, 500]
