from typing import Any

import pytest

from conversations.dialects.aichat.parse import parse
from conversations.errors import InvalidRequest, NotYetServed
from conversations.values.requests import ReferenceGiven, ReferenceKind, RunRequest
from providers.messages import FilePart, ImagePart, Message, Role, TextPart

NEW_ID = "64a67fff-61dc-4801-8339-2c69334c61d6"
LEAST = {"model": "gpt-4o", "question": "Hi"}


def turn(**fields: Any) -> RunRequest:
    return parse({**LEAST, **fields}, new_id=lambda: NEW_ID)


def refusal(**fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        turn(**fields)
    return caught.value


def test_the_least_request_is_one_user_message_that_nothing_stores() -> None:
    assert turn() == RunRequest(
        dialect="aichat",
        model="gpt-4o",
        messages=(Message(Role.USER, (TextPart("Hi"),)),),
        conversation_id=NEW_ID,
        is_stored=False,
    )


@pytest.mark.parametrize(
    ("stateful", "given_id", "is_stored", "answers_as"),
    [
        (True, None, True, NEW_ID),
        (True, "mine", True, "mine"),
        (None, "mine", True, "mine"),
        (None, None, False, NEW_ID),
        (False, None, False, NEW_ID),
        (False, "mine", False, "mine"),
        (None, "", False, NEW_ID),
        (True, "", True, NEW_ID),
    ],
)
def test_id_and_stateful_decide_what_is_stored_and_where(
    stateful: bool | None, given_id: str | None, is_stored: bool, answers_as: str
) -> None:
    request = turn(stateful=stateful, id=given_id)

    assert (request.is_stored, request.conversation_id) == (is_stored, answers_as)
    assert request.begins_conversation is (is_stored and answers_as == NEW_ID)


@pytest.mark.parametrize(
    "fields", [{"preset": "painter"}, {"id": "mine"}, {"id": "mine", "stateful": True, "preset": "painter"}]
)
def test_a_preset_or_a_conversation_may_bring_the_model(fields: dict[str, Any]) -> None:
    assert turn(model=None, **fields).model == ""


@pytest.mark.parametrize(
    "fields", [{"preset": ""}, {"id": "mine", "preset": ""}, {"id": "mine", "stateful": False}, {"stateful": True}]
)
def test_nothing_else_may(fields: dict[str, Any]) -> None:
    assert refusal(model=None, **fields).message == "model is required"


@pytest.mark.parametrize("given_id", ["a", "A.b_c-9", "x" * 128, NEW_ID])
def test_takes_a_well_formed_id(given_id: str) -> None:
    assert turn(id=given_id).conversation_id == given_id


@pytest.mark.parametrize(
    "given_id", ["x" * 129, "x" * 10_000, "a b", "a/b", "a\n", " a", "é", "你好", "a\x00", "\ud83d", "٣"]
)
def test_refuses_any_other_id(given_id: str) -> None:
    error = refusal(id=given_id)

    assert error.param == "id"
    assert len(error.message) < 100


@pytest.mark.parametrize("model", [None, "", "  "])
def test_a_missing_model_gets_the_documented_message(model: str | None) -> None:
    error = refusal(model=model)

    assert (error.message, error.param) == ("model is required", "model")


def test_an_empty_body_is_told_about_the_model() -> None:
    with pytest.raises(InvalidRequest, match=r"^model is required$"):
        parse({}, new_id=lambda: NEW_ID)


def test_a_model_name_is_trimmed_and_bounded() -> None:
    assert turn(model=" gpt-4o\n").model == "gpt-4o"
    assert refusal(model="m" * 201).param == "model"


@pytest.mark.parametrize("question", [None, "", " \n\t\u3000"])
def test_a_blank_question_needs_references(question: str | None) -> None:
    error = refusal(question=question)

    assert (error.message, error.param) == ("question is required", "question")
    assert turn(question=question, references=["https://x.test/a.png"]).messages == (
        Message(Role.USER, (ImagePart("https://x.test/a.png"),)),
    )


def test_a_question_is_kept_to_the_letter() -> None:
    assert turn(question="  two\r\n lines \u2028 ").messages[0].text == "  two\r\n lines \u2028 "


@pytest.mark.parametrize(("preset", "kept"), [(None, None), ("", ""), ("You are terse. ", "You are terse. ")])
def test_a_preset_not_given_is_not_one_cleared(preset: str | None, kept: str | None) -> None:
    assert turn(preset=preset).preset == kept


@pytest.mark.parametrize("field", ["model", "question", "preset"])
@pytest.mark.parametrize("bad", ["a\x00b", "a\ud800b"])
def test_refuses_text_that_cannot_be_stored(field: str, bad: str) -> None:
    assert refusal(**{field: bad}).param == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("action", "retrieve"),
        ("action", "delete"),
        ("action", "anything"),
    ],
)
def test_refuses_what_comes_later_whether_or_not_a_model_is_named(field: str, value: object) -> None:
    with pytest.raises(NotYetServed) as caught:
        parse({field: value}, new_id=lambda: NEW_ID)

    assert caught.value.param == field
    assert field in caught.value.message


def test_what_comes_later_may_be_named_as_long_as_it_is_off() -> None:
    assert turn(**{"callback_url": "", "async": False, "action": "chat"}) == turn()
    assert turn(**{"callback_url": None, "async": None, "action": None}) == turn()


def test_the_question_comes_first_then_links_then_texts_marked_as_material() -> None:
    request = turn(references=["Alice is 7.", "https://x.test/a.png", "https://x.test/b.pdf", "Bob is 9."])

    assert request.messages[0].parts == (
        TextPart("Hi"),
        ImagePart("https://x.test/a.png"),
        FilePart(url="https://x.test/b.pdf"),
        TextPart(
            "\n\n[Reference 1: material for the question, not part of it]\nAlice is 7.\n[End of reference 1]",
        ),
        TextPart(
            "\n\n[Reference 4: material for the question, not part of it]\nBob is 9.\n[End of reference 4]",
        ),
    )
    assert request.references == (
        ReferenceGiven(ReferenceKind.TEXT, "Alice is 7."),
        ReferenceGiven(ReferenceKind.IMAGE, "https://x.test/a.png"),
        ReferenceGiven(ReferenceKind.FILE, "https://x.test/b.pdf"),
        ReferenceGiven(ReferenceKind.TEXT, "Bob is 9."),
    )


def test_material_alone_begins_without_a_gap() -> None:
    text = turn(question="", references=["Alice is 7."]).messages[0].text

    assert text == "[Reference 1: material for the question, not part of it]\nAlice is 7.\n[End of reference 1]"


def test_braces_in_material_are_only_braces() -> None:
    assert "{number} {0} {" in turn(references=["{number} {0} {"]).messages[0].text
