"""What lists show of a conversation, in any language."""

import pytest

from conversations.rules.conversations import titles

CHINESE = "今天的日期是什么" * 10


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Hello", "Hello"),
        ("", ""),
        ("  two\n\n lines \t", "two lines"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        (CHINESE, CHINESE[:59] + "…"),
        ("word " * 20, "word " * 11 + "word…"),
        ("word " * 11 + "words that go on", "word " * 10 + "word…"),
        ("short " + "x" * 100, "short " + "x" * 53 + "…"),
    ],
)
def test_a_title_is_the_first_words(question: str, title: str) -> None:
    assert titles.title(question) == title
    assert len(titles.title(question)) <= titles.TITLE_CHARS


def test_a_preview_is_longer() -> None:
    assert titles.preview("x" * 161) == "x" * 159 + "…"
