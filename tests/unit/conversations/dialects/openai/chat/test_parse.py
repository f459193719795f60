from typing import Any

import pytest

from conversations.dialects.openai.chat.parse import parse
from conversations.errors import InvalidRequest
from conversations.values.requests import RunRequest
from providers.messages import ImagePart, Message, Role, TextPart

NEW_ID = "64a67fff-61dc-4801-8339-2c69334c61d6"
USER = {"role": "user", "content": "Hi"}
SYSTEM = {"role": "system", "content": "Be kind."}
LEAST = {"model": "gpt-4o", "messages": [USER]}
HI = Message(Role.USER, (TextPart("Hi"),))


def turn(**fields: Any) -> RunRequest:
    return parse({**LEAST, **fields}, new_id=lambda: NEW_ID)


def test_the_least_request_is_one_message_that_nothing_stores() -> None:
    assert turn() == RunRequest(dialect="openai", model="gpt-4o", messages=(HI,), conversation_id="", is_stored=False)


def test_a_stored_turn_begins_a_conversation_whose_preset_is_the_system_message() -> None:
    stored = turn(store=True, messages=[SYSTEM, USER])

    assert (stored.is_stored, stored.conversation_id, stored.begins_conversation) == (True, NEW_ID, True)
    assert (stored.preset, stored.messages) == ("Be kind.", (HI,))


@pytest.mark.parametrize(
    "first",
    [
        {**SYSTEM, "name": "ops"},
        {**SYSTEM, "cache_control": {}},
        {"role": "system", "content": [{"type": "text", "text": "a", "cache_control": {}}]},
        {"role": "system", "content": [{"type": "image_url", "image_url": {"url": "u"}}]},
        USER,
    ],
)
def test_keeps_a_first_message_that_is_more_than_a_preset(first: Any) -> None:
    stored = turn(store=True, messages=[first, USER])

    assert stored.preset is None
    assert len(stored.messages) == 2


def test_a_system_message_alone_is_no_preset() -> None:
    stored = turn(store=True, messages=[SYSTEM])

    assert (stored.preset, len(stored.messages)) == (None, 1)


def test_a_turn_that_nothing_stores_keeps_its_system_message_in_place() -> None:
    unstored = turn(messages=[SYSTEM, USER], store=False)

    assert (unstored.preset, [message.role for message in unstored.messages]) == (None, [Role.SYSTEM, Role.USER])


def test_remembers_what_the_wording_of_the_answer_needs_and_what_is_ours() -> None:
    request = turn(
        stream=True,
        stream_options={"include_usage": True},
        functions=[{"name": "look"}],
        metadata={"topic": "tea"},
        temperature=1,
    )

    assert request.reply == {"include_usage": True, "functions": True, "metadata": {"topic": "tea"}}
    assert request.options.keys() == {"temperature", "tools", "parallel_tool_calls"}


@pytest.mark.parametrize("given", [{}, {"include_usage": False}, {"include_usage": None}, {"more": True}])
def test_usage_is_told_in_a_stream_only_when_asked_for(given: Any) -> None:
    assert turn(stream_options=given).reply == {}


def test_images_go_along() -> None:
    content = [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}]

    assert turn(messages=[{"role": "user", "content": content}]).messages[0].parts == (
        TextPart("?"),
        ImagePart("https://a.example/x.png"),
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": "  "}, "model"),
        ({"model": "m" * 201}, "model"),
        ({"model": "m\x00"}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"stream_options": []}, "stream_options"),
        ({"stream_options": {"include_usage": "true"}}, "stream_options.include_usage"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {"k" * 65: "v"}}, "metadata"),
        ({"metadata": {"k\x00": "v"}}, "metadata"),
        ({"metadata": {str(number): "v" for number in range(17)}}, "metadata"),
    ],
)
def test_refuses(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        turn(**fields)

    assert caught.value.param == param
