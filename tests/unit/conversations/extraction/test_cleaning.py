"""Text that PostgreSQL stores, and that is found by what is typed."""

import pytest

from conversations.extraction import cleaning
from conversations.extraction.errors import Unreadable
from conversations.extraction.extracted import MAX_CHARACTERS


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("a\x00b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
        ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\ne"),
        ("a\x07\x1b\x9fb\ufeff\tc\x0cd", "ab\tc\x0cd"),
        ("e\u0301", "é"),
        ("가", "가"),
        ("  a  \n\n\n\nb", "  a  \n\n\n\nb"),
    ],
)
def test_makes_text_fit_to_be_stored(given: str, text: str) -> None:
    assert cleaning.text(given) == text


def test_prose_keeps_no_spaces_at_line_ends_and_one_blank_line() -> None:
    assert cleaning.prose("\n a \u00a0 \n\n\n\n b\t\n") == "a\n\n b"


def test_keeps_thirty_marks_on_one_letter() -> None:
    assert len(cleaning.text("q" + "\u0323\u0301" * 500_000)) == 31


def test_a_million_spaces_before_a_word_are_passed_over_once() -> None:
    assert cleaning.prose("a" + " " * 1_000_000 + "b") == "a" + " " * 1_000_000 + "b"


@pytest.mark.parametrize(
    ("given", "title"), [(" A\n b\x00 ", "A b\ufffd"), (None, ""), (5, ""), ("x" * 1000, "x" * 300)]
)
def test_a_title_is_one_short_line(given: object, title: str) -> None:
    assert cleaning.title(given) == title


def test_refuses_a_text_that_is_longer_than_any_model_takes() -> None:
    cleaning.check_length(MAX_CHARACTERS)
    with pytest.raises(Unreadable) as refused:
        cleaning.check_length(MAX_CHARACTERS + 1)

    assert refused.value.reason == "too_long"
    assert refused.value.message == "Its text is longer than 4,000,000 characters."
