from typing import Any

import pytest

from conversations.errors import InvalidRequest
from conversations.rules.texts import JSON_MAX_DEPTH, PATH_MAX_CHARS, check_storable, storable, storable_json


@pytest.mark.parametrize("text", ["", "plain", "你好 😀 \u2028 \x01\x7f\ufffe", "\U0010ffff"])
def test_any_whole_text_passes_unchanged(text: str) -> None:
    assert storable(text, param="question") == text


@pytest.mark.parametrize("text", ["a\x00b", "\x00", "\ud83d", "half \ude00 of it", "\ude00\ud83d"])
def test_text_that_no_database_takes_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        storable(text, param="references", path="references[1].url")

    assert caught.value.param == "references"
    assert caught.value.message.startswith("references[1].url contains a ")
    assert caught.value.message.isascii()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"question": "\x00"}, "question"),
        (
            {"ok": "yes", "messages": [{"role": "user"}, {"content": [{"text": "a\x00b"}]}]},
            "messages[1].content[0].text",
        ),
        ({"a": [["x", "\x00"]]}, "a[0][1]"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_body_is_refused_by_the_place_of_its_nul(body: Any, place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_storable(body)

    assert (caught.value.message, caught.value.param) == (f"{place} contains a NUL character", place)


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({"\x00": 1}, None, "a name in the request body contains a NUL character"),
        ({"a": {"b": {"\x00": 1}}}, "a.b", "a name in a.b contains a NUL character"),
    ],
)
def test_names_count_as_texts(body: Any, param: str | None, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_storable(body)

    assert (caught.value.message, caught.value.param) == (said, param)


def test_a_place_is_not_repeated_at_any_length() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_storable({"n" * 100_000: {"m": "\x00"}})

    assert caught.value.param == "n" * PATH_MAX_CHARS


def test_a_body_may_be_deep_but_not_without_end() -> None:
    deep: Any = "end"
    for _ in range(JSON_MAX_DEPTH):
        deep = [deep]

    check_storable({"a": deep[0]})
    with pytest.raises(InvalidRequest, match="is nested more than 100 levels deep"):
        check_storable({"a": deep})


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def test_json_that_is_passed_on_may_be_deep_but_not_without_end() -> None:
    deep = nested(JSON_MAX_DEPTH)

    assert storable_json(deep, param="tools") is deep
    for deeper in (nested(JSON_MAX_DEPTH + 1), nested(100_000)):
        with pytest.raises(InvalidRequest, match="tools is nested more than 100 levels deep"):
            storable_json(deeper, param="tools")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_json_that_is_passed_on_holds_numbers(number: float) -> None:
    with pytest.raises(InvalidRequest, match="tools contains a number that JSON cannot say"):
        storable_json([{"a": [1, 1.5, number]}], param="tools")
