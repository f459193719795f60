from typing import Any

import pytest

from conversations.dialects.yuju.chat.parse import Asked, parse
from conversations.errors import InvalidRequest
from conversations.values.assistants import AnswerForm, FallbackHandler, VisitorGiven


def asked(**fields: Any) -> Asked:
    return parse({"content": "Hi", **fields})


def refused(**fields: Any) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**fields)
    return caught.value.param


def test_a_question_alone_says_nothing_else() -> None:
    assert asked() == Asked("Hi", "Hi")


@pytest.mark.parametrize(
    "name", ["ibotID", "visitorId", "chatMode", "system", "handler_type", "fix_content", "return_format", "knowledge"]
)
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_text_is_as_good_as_none(name: str, empty: str) -> None:
    if name == "knowledge" and empty:
        empty = ""
    assert asked(**{name: empty}) == Asked("Hi", "Hi")


@pytest.mark.parametrize("name", ["temperature", "max_tokens"])
def test_a_number_may_be_empty_too(name: str) -> None:
    assert asked(**{name: ""}) == asked(**{name: " "}) == Asked("Hi", "Hi")


@pytest.mark.parametrize("content", ["", "  ", "\n"])
def test_a_question_is_needed(content: str) -> None:
    assert refused(content=content) == "content"


@pytest.mark.parametrize(
    ("given", "value"),
    [("0.7", 0.7), (" 1 ", 1.0), (".5", 0.5), ("1.", 1.0), ("+1e-1", 0.1), (0, 0), (2, 2), (0.25, 0.25), ("-0", 0.0)],
)
def test_a_temperature_is_a_text_or_a_number(given: Any, value: float) -> None:
    assert asked(temperature=given).options == {"temperature": value}


@pytest.mark.parametrize(("given", "value"), [("1000", 1000), (1, 1), ("1e3", 1000), (100.0, 100), ("64.0", 64)])
def test_a_limit_is_a_whole_number(given: Any, value: int) -> None:
    found = asked(max_tokens=given).options["max_tokens"]

    assert (found, type(found)) == (value, int)


@pytest.mark.parametrize("name", ["temperature", "max_tokens"])
@pytest.mark.parametrize(
    "given",
    [
        "nan",
        "inf",
        "-1",
        "1e999",
        "1e400",
        "1_0",
        "０.５",
        "١",
        "0x1",
        "1,5",
        "one",
        "1" * 33,
        "\x00",
        "--1",
        "1e",
        ".",
    ],
)
def test_a_text_that_is_no_number_of_its_range_is_refused(name: str, given: str) -> None:
    assert refused(**{name: given}) == name


@pytest.mark.parametrize("given", ["0.5", 1.5, "0", 0, 2**31, float("inf")])
def test_a_limit_out_of_range_is_refused(given: Any) -> None:
    assert refused(max_tokens=given) == "max_tokens"


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ("markdown", AnswerForm.MARKDOWN),
        ("Markdown ", AnswerForm.MARKDOWN),
        ("text", AnswerForm.TEXT),
        ("html", AnswerForm.TEXT),
    ],
)
def test_a_format_that_is_not_known_is_text(given: str, form: AnswerForm) -> None:
    assert asked(return_format=given).form is form


def test_how_a_lack_of_knowledge_is_handled_is_one_of_three_words() -> None:
    assert [asked(handler_type=word).handler for word in ("custom", "fix", "web_search")] == list(FallbackHandler)
    assert refused(handler_type="Fixed") == "handler_type"


def test_a_visitor_has_the_attributes_without_nulls() -> None:
    found = asked(visitorId="访客 1", fielditem={"name": "王小明", "age": 30, "email": None})

    assert found.visitor == VisitorGiven("访客 1", {"name": "王小明", "age": 30})


def test_attributes_without_a_visitor_are_of_nobody() -> None:
    assert asked(fielditem={"name": "王小明"}).visitor is None


@pytest.mark.parametrize(
    "fielditem",
    [
        {f"field{number}": 1 for number in range(65)},
        {"note": "x" * 20_000},
        {"n": "\x00"},
        {"n": "\ud800"},
        {"n": float("nan")},
    ],
)
def test_attributes_are_bounded_also_without_a_visitor(fielditem: dict[str, Any]) -> None:
    assert refused(fielditem=fielditem) == "fielditem"


@pytest.mark.parametrize("name", ["content", "system", "fix_content", "visitorId", "ibotID", "knowledge", "chatMode"])
@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_a_text_that_cannot_be_stored_is_refused(name: str, text: str) -> None:
    assert refused(**{name: text}) in (name, "model")


@pytest.mark.parametrize(
    ("name", "length"), [("visitorId", 129), ("ibotID", 41), ("knowledge", 41), ("fix_content", 20_001)]
)
def test_a_text_that_is_too_long_is_refused(name: str, length: int) -> None:
    assert refused(**{name: "x" * length}) == name


def test_an_assistant_is_no_chat_mode() -> None:
    assert refused(chatMode="assistant:asst_1") == "chatMode"


def test_intents_that_cannot_be_ids_are_ignored_like_unknown_ones() -> None:
    assert asked(intention=["intent_1", "", "x" * 41, "intent_1", "7"]).intents == ("intent_1", "7")


def test_base64_is_kept_beside_what_it_says() -> None:
    found = asked(content="5L2g5aW95ZCX")

    assert (found.content, found.decoded) == ("5L2g5aW95ZCX", "你好吗")
