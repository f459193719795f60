"""Journey: stored conversations on the OpenAI route, by clients that send only new messages or all of them."""

from typing import Any

import openai
import pytest
import requests
from openai import OpenAI

from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, Api, assistant, new_id, system, user
from tests.journeys.rows import Rows
from tests.journeys.service import Service

WEATHER: Json = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


class StoredConversation:
    """One stored conversation."""

    def __init__(self, sdk: OpenAI, upstream: FakeUpstream, rows: Rows, conversation_id: str = "") -> None:
        self._sdk = sdk
        self._upstream = upstream
        self._rows = rows
        self.id = conversation_id or new_id()

    def ask(self, *messages: Json, reply: str = "ok", **options: Any) -> str | None:
        """Ask; the vendor answers `reply`."""
        self._upstream.script(says(reply))
        given: Any = list(messages)
        done = self._sdk.chat.completions.create(
            model=MODEL, messages=given, extra_headers={"X-Conversation-Id": self.id}, **options
        )
        content: str | None = done.choices[0].message.content
        return content

    def shown(self) -> list[Json]:
        """The messages of the vendor's last call."""
        return self._upstream.requests[-1].messages

    def kept(self) -> list[tuple[str, str]]:
        """Role and text of every stored message, in order."""
        rows = self._rows.all(
            "SELECT m.role, m.parts FROM conversations_message m JOIN conversations_conversation c"
            " ON c.id = m.conversation_id WHERE c.public_id = %s ORDER BY m.id",
            self.id,
        )
        return [(row["role"], "".join(part.get("text", "") for part in row["parts"])) for row in rows]


@pytest.fixture
def conversation(sdk: OpenAI, upstream: FakeUpstream, rows: Rows) -> StoredConversation:
    return StoredConversation(sdk, upstream, rows)


def test_keeps_nothing_unless_it_is_asked_to(sdk: OpenAI, upstream: FakeUpstream, rows: Rows) -> None:
    before = rows.counts()
    upstream.script(says("ok"))

    raw = sdk.chat.completions.with_raw_response.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])

    assert "X-Conversation-Id" not in raw.headers
    assert {**rows.counts(), "run": 0, "runattempt": 0} == {**before, "run": 0, "runattempt": 0}


def test_a_stored_turn_begins_a_conversation_that_goes_on_under_its_id(
    sdk: OpenAI, upstream: FakeUpstream, rows: Rows
) -> None:
    upstream.script(says("one"))
    raw = sdk.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": "first"}], store=True
    )
    conversation = StoredConversation(sdk, upstream, rows, raw.headers["X-Conversation-Id"])

    assert conversation.ask(user("second"), reply="two") == "two"

    assert conversation.shown() == [user("first"), assistant("one"), user("second")]
    assert conversation.kept() == [("user", "first"), ("assistant", "one"), ("user", "second"), ("assistant", "two")]


def test_what_is_sent_again_is_not_stored_again(conversation: StoredConversation) -> None:
    history: list[Json] = []
    for question, answer in (("a", "A"), ("b", "B"), ("c", "C")):
        history.append(user(question))
        conversation.ask(*history, reply=answer)
        history.append(assistant(answer))

    assert conversation.shown() == history[:-1]
    assert conversation.kept() == [(message["role"], message["content"]) for message in history]


def test_the_same_question_twice_is_two_questions(conversation: StoredConversation) -> None:
    conversation.ask(user("next"), reply="1")
    conversation.ask(user("next"), reply="2")

    assert conversation.shown() == [user("next"), assistant("1"), user("next")]


def test_an_edited_question_branches_and_the_other_branch_stays(conversation: StoredConversation) -> None:
    conversation.ask(user("a"), reply="A")
    conversation.ask(user("a"), assistant("A"), user("b"), reply="B")

    conversation.ask(user("a"), assistant("A"), user("b, edited"), reply="B2")

    assert conversation.shown() == [user("a"), assistant("A"), user("b, edited")]
    # The conversation's head is on the newest branch …
    conversation.ask(user("c"), reply="C")
    assert conversation.shown() == [user("a"), assistant("A"), user("b, edited"), assistant("B2"), user("c")]
    # … and moves to the other branch when that one is sent.
    conversation.ask(user("a"), assistant("A"), user("b"), assistant("B"), user("d"), reply="D")
    assert conversation.shown() == [user("a"), assistant("A"), user("b"), assistant("B"), user("d")]
    assert [text for _, text in conversation.kept()] == ["a", "A", "b", "B", "b, edited", "B2", "c", "C", "d", "D"]


def test_an_answer_can_be_asked_for_again(conversation: StoredConversation) -> None:
    conversation.ask(user("a"), reply="A")
    conversation.ask(user("a"), assistant("A"), user("b"), reply="B")

    conversation.ask(user("a"), assistant("A"), user("b"), reply="B again")

    assert conversation.shown() == [user("a"), assistant("A"), user("b")]
    conversation.ask(user("c"))
    assert conversation.shown() == [user("a"), assistant("A"), user("b"), assistant("B again"), user("c")]


def test_a_history_without_its_oldest_messages_is_recognised(conversation: StoredConversation) -> None:
    conversation.ask(user("a"), reply="A")
    conversation.ask(user("b"), reply="B")

    conversation.ask(user("b"), assistant("B"), user("c"), reply="C")

    assert conversation.shown() == [user("a"), assistant("A"), user("b"), assistant("B"), user("c")]


def test_the_first_system_message_stays_with_the_conversation(conversation: StoredConversation) -> None:
    conversation.ask(system("Be brief."), user("a"), reply="A")
    conversation.ask(user("b"), reply="B")
    assert conversation.shown() == [system("Be brief."), user("a"), assistant("A"), user("b")]

    conversation.ask(system("Be long."), user("a"), assistant("A"), user("b"), assistant("B"), user("c"))

    assert conversation.shown() == [system("Be long."), user("a"), assistant("A"), user("b"), assistant("B"), user("c")]
    assert [role for role, _ in conversation.kept()] == ["user", "assistant"] * 3


def test_a_tool_round_trip_needs_only_the_tools_result(
    conversation: StoredConversation, sdk: OpenAI, upstream: FakeUpstream
) -> None:
    upstream.script(says(tool_calls=[{"index": 0, **WEATHER}], finish="tool_calls"))
    asked = sdk.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Weather?"}],
        tools=TOOLS,
        extra_headers={"X-Conversation-Id": conversation.id},
    )
    assert asked.choices[0].message.tool_calls is not None

    answer = conversation.ask(
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}, reply="It is sunny.", tools=TOOLS
    )

    assert answer == "It is sunny."
    assert conversation.shown() == [
        user("Weather?"),
        {"role": "assistant", "content": None, "tool_calls": [WEATHER]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    history = conversation.shown()
    conversation.ask(*history, assistant("It is sunny."), user("Thanks"), tools=TOOLS)
    assert [role for role, _ in conversation.kept()] == ["user", "assistant", "tool", "assistant", "user", "assistant"]


def test_a_conversation_continues_in_the_other_family_and_back(api: Api, conversation: StoredConversation) -> None:
    conversation.ask(system("Be brief."), user("a"), reply="A")
    conversation._upstream.script(says("B"))
    assert api.answer("b", id=conversation.id)["answer"] == "B"
    assert conversation.shown() == [system("Be brief."), user("a"), assistant("A"), user("b")]

    conversation.ask(user("a"), assistant("A"), user("b"), assistant("B"), user("c"), reply="C")

    assert conversation.shown() == [
        system("Be brief."),
        user("a"),
        assistant("A"),
        user("b"),
        assistant("B"),
        user("c"),
    ]
    assert len(conversation.kept()) == 6


def test_the_conversation_may_be_named_in_the_metadata(
    sdk: OpenAI, upstream: FakeUpstream, conversation: StoredConversation
) -> None:
    conversation.ask(user("a"), reply="A")
    upstream.script(says("B"))

    raw = sdk.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": "b"}], metadata={"conversation_id": conversation.id}
    )

    assert raw.headers["X-Conversation-Id"] == conversation.id
    assert conversation.shown() == [user("a"), assistant("A"), user("b")]
    assert "metadata" not in upstream.requests[-1].body


def test_a_stream_continues_a_conversation_as_well(
    sdk: OpenAI, upstream: FakeUpstream, conversation: StoredConversation
) -> None:
    conversation.ask(user("a"), reply="A")
    upstream.script(says("B", "b"))

    stream = sdk.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "A"},
            {"role": "user", "content": "b"},
        ],
        stream=True,
        extra_headers={"X-Conversation-Id": conversation.id},
    )

    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "Bb"
    assert conversation.kept() == [("user", "a"), ("assistant", "A"), ("user", "b"), ("assistant", "Bb")]


def test_other_accounts_never_see_the_conversation(
    service: Service, other_api: Api, conversation: StoredConversation
) -> None:
    conversation.ask(user("secret"), reply="A")

    with OpenAI(base_url=f"{service.base_url}/v1", api_key=other_api.key) as stranger:
        theirs = StoredConversation(stranger, conversation._upstream, conversation._rows, conversation.id)
        theirs.ask(user("secret"), assistant("A"), user("b"))

    assert theirs.shown() == [user("secret"), assistant("A"), user("b")]
    conversations = conversation._rows.conversations(conversation.id)
    assert [row["head_id"] is not None for row in conversations] == [True, True]


def test_an_idempotency_key_holds_for_one_conversation(
    sdk: OpenAI, conversation: StoredConversation, upstream: FakeUpstream
) -> None:
    key = {"Idempotency-Key": new_id()}
    upstream.script(says("A"))
    sdk.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "a"}],
        extra_headers={**key, "X-Conversation-Id": conversation.id},
    )

    with pytest.raises(openai.ConflictError):
        sdk.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "a"}],
            extra_headers={**key, "X-Conversation-Id": new_id()},
        )

    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("headers", "fields", "param"),
    [
        ({"X-Conversation-Id": "no/slash"}, {}, "X-Conversation-Id"),
        ({"X-Conversation-Id": "x" * 129}, {}, "X-Conversation-Id"),
        ({"X-Conversation-Id": "mine"}, {"store": False}, "store"),
        ({}, {"metadata": {"conversation_id": "no slash"}}, "metadata.conversation_id"),
        ({}, {"metadata": {"conversation_id": 7}}, "metadata.conversation_id"),
    ],
)
def test_refuses_an_invalid_id(
    api: Api, upstream: FakeUpstream, rows: Rows, *, headers: dict[str, str], fields: Json, param: str
) -> None:
    before = rows.counts()

    response = requests.post(
        f"{api.base_url}/v1/chat/completions",
        json={"model": MODEL, "messages": [user("Hi")], **fields},
        headers={**api.headers, **headers},
        timeout=10,
    )

    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
    assert rows.counts() == before
    assert upstream.requests == []


def test_refuses_a_history_without_a_new_message(conversation: StoredConversation, rows: Rows) -> None:
    conversation.ask(user("a"), reply="A")
    before = rows.counts()

    with pytest.raises(openai.BadRequestError) as refused:
        conversation.ask(user("a"), assistant("A"))

    assert refused.value.param == "messages"
    assert rows.counts() == before
