"""By which words a turn's sources are looked for."""

import pytest

from conversations.dialects.aichat import parse
from conversations.workers.runs.context import question
from providers.messages import ImagePart, Message, Role, TextPart

LONG = "word " * 300


def user(*texts: str) -> Message:
    return Message(Role.USER, tuple(TextPart(text) for text in texts))


def assistant(text: str) -> Message:
    return Message(Role.ASSISTANT, (TextPart(text),))


@pytest.mark.parametrize(
    ("messages", "asked"),
    [
        ([user("First?"), assistant("Yes"), user(" Second? ")], "Second?"),
        ([user("First?"), assistant("Yes")], "First?"),
        ([user("Look at this"), Message(Role.USER, (ImagePart("https://a.example/x.png"),))], "Look at this"),
        ([user("Background.", "What is it?", "More.")], "What is it?"),
        ([user("背景。", "东京塔有多高？")], "东京塔有多高？"),
        ([user("", "  ", "Tell me")], "Tell me"),
        ([assistant("hm")], ""),
        ([], ""),
    ],
)
def test_the_last_question_is_what_is_asked(messages: list[Message], asked: str) -> None:
    assert question.of(messages) == asked
    assert question.for_search(messages) == asked


def test_what_is_given_as_a_reference_is_never_looked_up() -> None:
    fields = {"question": "Summarise this", "references": ["Did you get my PIN?"], "model": "m", "stateful": False}
    asked = parse.parse(fields, new_id=lambda: "x").messages
    alone = parse.parse({**fields, "question": ""}, new_id=lambda: "x").messages

    assert question.for_search(asked) == "Summarise this"
    assert question.for_knowledge([user("And now")], before=asked) == "Summarise this\nAnd now"
    assert question.for_search(alone) == ""


@pytest.mark.parametrize(
    ("text", "searched"),
    [
        (LONG, "word " * 49 + "word"),
        (f"{LONG}\n\nWhat is it?\n{LONG}", "What is it?"),
        (f"{LONG}?\nShort.", "word " * 49 + "word"),
        ("字" * 500, "字" * 400),
        ("two\n lines\tof it", "two lines of it"),
    ],
)
def test_an_engine_is_asked_no_more_than_it_takes(text: str, searched: str) -> None:
    assert question.for_search([user(text)]) == searched


@pytest.mark.parametrize(
    ("asked", "looked_for"),
    [
        ("and in 2023?", "How many people live in Ulm?\nand in 2023?"),
        ("那2023年呢？", "How many people live in Ulm?\n那2023年呢？"),
        ("How many people live in the whole of Germany?", "How many people live in the whole of Germany?"),
        ("德国总共有多少人居住在城市里而不是乡村？请告诉我", "德国总共有多少人居住在城市里而不是乡村？请告诉我"),
    ],
)
def test_a_short_question_is_looked_for_with_the_one_before(asked: str, looked_for: str) -> None:
    before = [user("Hello"), assistant("Hi"), user("How many people live in Ulm?"), assistant("126,000")]

    assert question.for_knowledge([user(asked)], before=before) == looked_for
    assert question.for_knowledge([*before, user(asked)], before=()) == looked_for


def test_a_first_question_stands_alone() -> None:
    assert question.for_knowledge([user("Ulm?")], before=()) == "Ulm?"
    assert question.for_knowledge([assistant("hm")], before=[user("Ulm?")]) == ""
