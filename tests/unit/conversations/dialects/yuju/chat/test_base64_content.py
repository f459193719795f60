import random
from base64 import b64encode
from collections.abc import Callable

import pytest

from conversations.dialects.yuju.chat.base64_content import decoded
from tests.unit.conversations.dialects.yuju.chat import questions

QUESTIONS = 5_000
SEED = 5


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "今天的日期是什么?",
        "你好吗",
        "def f(x):\n\treturn x + 1\n",
        "rm -rf build; echo 'done'",
        "これは何ですか",
        "안녕하세요, 세계",
        "价格是多少?「急」…",
        "好的👍🏽",
        "Hello, world",
        "hello",
        "SELECT * FROM users WHERE id = 42;\r\n",
    ],
)
def test_reads_what_an_encoder_made_of_a_readable_text(text: str) -> None:
    assert decoded(encoded(text)) == text
    assert decoded(f" {encoded(text)}\n") == text


@pytest.mark.parametrize(
    "content",
    [
        # Words and numbers as they stand in questions and code.
        *("emphasis", "dynamics", "Password", "CONSTANT", "12345678", "20231116", "abcdabcd"),
        # No base64: another length, another alphabet, or padding in the middle.
        *("", "你好", "YWJj", "aGVsbG8", "aGVsbG8==", "aGVs bG8=", "aGVsb-8=", "aGVsbG8=aGVs", "=aGVsbG8"),
        # Other texts that decode to the same bytes.
        "aGVsbG9=",
        # Bytes that are no text: not UTF-8, control characters, another script.
        *(b64encode(data).decode() for data in (b"\xff\xfe\xfd\xfc\xfb\xfa", b"hello\x00", b"a\x1b[31mb")),
        *(encoded(text) for text in ("héllo wörld", "привет мир", "left\u2028right", "a\u202eb c", "\x7fdel a")),
        # Letters alone that could be a name: `isinstance` and its like.
        "camelCaseName123x"[:16],
    ],
)
def test_leaves_what_may_be_meant_as_it_stands(content: str) -> None:
    assert decoded(content) == content


@pytest.mark.parametrize("make", [questions.english, questions.chinese])
def test_no_question_is_taken_for_base64(make: Callable[[random.Random], str]) -> None:
    rng = random.Random(SEED)
    asked = [make(rng) for _ in range(QUESTIONS)]

    assert [text for text in asked if decoded(text) != text] == []


def test_every_question_in_chinese_is_found() -> None:
    rng = random.Random(SEED)
    asked = [questions.chinese(rng) for _ in range(QUESTIONS)]

    assert [text for text in asked if decoded(encoded(text)) != text] == []


def test_of_questions_in_english_only_single_words_are_missed() -> None:
    rng = random.Random(SEED)
    asked = [questions.english(rng) for _ in range(QUESTIONS)]

    missed = [text for text in asked if decoded(encoded(text)) != text]

    assert {len(text.split()) for text in missed} <= {1}
    assert len(missed) < QUESTIONS // 20


def test_no_piece_of_code_is_taken_for_base64() -> None:
    """Of all of the library, 53,851 pieces, 88 are read: 87 are base64, and `RemoveOption` is none."""
    pieces = list(questions.code_tokens())

    assert len(pieces) > 10_000
    assert [piece for piece in pieces if decoded(piece) != piece] == []
