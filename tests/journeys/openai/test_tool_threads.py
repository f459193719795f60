"""Journey: tool calls that were answered late, twice or never: the vendor always gets a valid history."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import openai
from tests.journeys.clients.aichat import MODEL, Api, assistant, new_id, user
from tests.journeys.clients.openai import Chat, refusal
from tests.journeys.rows import Rows

# Sends messages to the conversation; the vendor answers with the text, or with calls of these ids.
Ask = Callable[..., Json]


def call(call_id: str) -> Json:
    return {"id": call_id, "type": "function", "function": {"name": "weather", "arguments": "{}"}}


def calling(*call_ids: str, content: str | None = None) -> Json:
    return {"role": "assistant", "content": content, "tool_calls": [call(call_id) for call_id in call_ids]}


def result(call_id: str, text: str = "sunny") -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


@pytest.fixture
def thread() -> str:
    return new_id()


@pytest.fixture
def ask(chat: Chat, upstream: FakeUpstream, thread: str) -> Ask:
    def send(*messages: Json, words: str = "ok", calls: tuple[str, ...] = ()) -> Json:
        fragments = [{"index": place, **call(call_id)} for place, call_id in enumerate(calls)]
        upstream.script(says(tool_calls=fragments, finish="tool_calls") if calls else says(words))
        body = {"model": MODEL, "messages": list(messages)}
        return openai.answer(chat.post(body, headers={"X-Conversation-Id": thread}))

    return send


def shown(upstream: FakeUpstream) -> list[Json]:
    """The messages of the vendor's last call."""
    return upstream.requests[-1].messages


def kept(rows: Rows, thread: str) -> list[Any]:
    """All stored messages of the conversation."""
    return rows.all(
        "SELECT m.role, m.parts, m.parent_id FROM conversations_message m JOIN conversations_conversation c"
        " ON c.id = m.conversation_id WHERE c.public_id = %s ORDER BY m.id",
        thread,
    )


def test_a_call_that_nobody_answered_is_not_shown_again(
    ask: Ask, upstream: FakeUpstream, rows: Rows, thread: str
) -> None:
    ask(user("Weather?"), calls=("call_1",))
    before = kept(rows, thread)

    ask(user("Never mind"), words="Fine")
    ask(user("And now?"))

    assert shown(upstream) == [user("Weather?"), user("Never mind"), assistant("Fine"), user("And now?")]
    assert kept(rows, thread)[: len(before)] == before


def test_the_other_family_continues_after_an_unanswered_call(
    ask: Ask, api: Api, upstream: FakeUpstream, thread: str
) -> None:
    ask(user("Weather?"), calls=("call_1",))

    api.answer("Never mind", id=thread)

    assert shown(upstream) == [user("Weather?"), user("Never mind")]


def test_of_parallel_calls_those_that_were_answered_are_shown(ask: Ask, upstream: FakeUpstream) -> None:
    ask(user("Weather?"), calls=("call_1", "call_2", "call_3"))

    ask(result("call_2"), user("Go on"), words="Sunny")

    turn = [user("Weather?"), calling("call_2"), result("call_2"), user("Go on")]
    assert shown(upstream) == turn
    ask(user("And?"))
    assert shown(upstream) == [*turn, assistant("Sunny"), user("And?")]


def test_a_late_result_goes_to_its_place(ask: Ask, upstream: FakeUpstream, rows: Rows, thread: str) -> None:
    ask(user("Weather?"), calls=("call_1",))
    ask(user("Meanwhile"), words="Yes?")

    ask(result("call_1"), words="Sunny")

    turn = [user("Weather?"), calling("call_1"), result("call_1"), user("Meanwhile"), assistant("Yes?")]
    assert shown(upstream) == turn
    ask(user("And?"))
    assert shown(upstream) == [*turn, assistant("Sunny"), user("And?")]
    assert [row["role"] for row in kept(rows, thread)] == [
        "user", "assistant", "user", "assistant", "tool", "assistant", "user", "assistant",
    ]  # fmt: skip


def test_results_of_parallel_calls_may_come_one_by_one(ask: Ask, upstream: FakeUpstream) -> None:
    ask(user("Weather?"), calls=("call_1", "call_2"))
    ask(result("call_2", "rain"), words="Rain there")
    assert shown(upstream) == [user("Weather?"), calling("call_2"), result("call_2", "rain")]

    ask(result("call_1"), words="Sun here")

    assert shown(upstream) == [
        user("Weather?"),
        calling("call_1", "call_2"),
        result("call_2", "rain"),
        result("call_1"),
        assistant("Rain there"),
    ]


def test_a_call_id_used_in_several_turns_belongs_to_its_turn(ask: Ask, upstream: FakeUpstream) -> None:
    ask(user("a"), calls=("0",))
    ask(result("0", "first"), words="A")
    ask(user("b"), calls=("0",))
    ask(user("c"), calls=("0",))

    ask(result("0", "third"))

    assert shown(upstream) == [
        user("a"), calling("0"), result("0", "first"), assistant("A"), user("b"), user("c"), calling("0"),
        result("0", "third"),
    ]  # fmt: skip


@pytest.mark.parametrize("call_id", ["call_1", "stray"])
def test_a_result_that_answers_nothing_is_left_out_beside_a_question(
    ask: Ask, upstream: FakeUpstream, call_id: str
) -> None:
    ask(user("Weather?"), calls=("call_1",))
    ask(result("call_1"), words="Sunny")

    ask(result(call_id, "hail"), user("Go on"))

    assert shown(upstream) == [
        user("Weather?"), calling("call_1"), result("call_1"), assistant("Sunny"), user("Go on"),
    ]  # fmt: skip


@pytest.mark.parametrize("call_id", ["call_1", "stray"])
def test_a_turn_of_nothing_but_such_a_result_is_refused(
    ask: Ask, chat: Chat, upstream: FakeUpstream, thread: str, call_id: str
) -> None:
    ask(user("Weather?"), calls=("call_1",))
    ask(result("call_1"), words="Sunny")

    response = chat.post({"model": MODEL, "messages": [result(call_id, "hail")]}, headers={"X-Conversation-Id": thread})

    assert refusal(response) == (400, None, "messages")
    assert len(upstream.requests) == 2
    ask(user("And?"))
    assert shown(upstream)[-2:] == [assistant("Sunny"), user("And?")]


def test_a_late_result_leaves_the_window_with_its_call(ask: Ask, upstream: FakeUpstream) -> None:
    """The model's window holds 128,000 tokens."""
    filler = "word " * 60_000
    ask(user("Weather?"), calls=("call_1",))
    ask(user(f"1 {filler}"), words="One")
    ask(user(f"2 {filler}"), words="Two")

    ask(result("call_1"), user("Go on"))

    assert shown(upstream) == [user(f"2 {filler}"), assistant("Two"), user("Go on")]


def test_an_answer_cut_in_its_thoughts_is_not_shown_again(
    ask: Ask, chat: Chat, upstream: FakeUpstream, thread: str
) -> None:
    upstream.script(says(reasoning=["Hm"], finish="length"))
    body = {"model": MODEL, "messages": [user("6*7?")]}
    assert (
        openai.answer(chat.post(body, headers={"X-Conversation-Id": thread}))["choices"][0]["finish_reason"] == "length"
    )

    ask(user("Shorter"))

    assert shown(upstream) == [user("6*7?"), user("Shorter")]


def test_a_request_that_nothing_stores_goes_to_the_vendor_as_it_is(chat: Chat, upstream: FakeUpstream) -> None:
    given = [user("Weather?"), calling("call_1", "call_2"), result("stray"), user("Go on")]

    openai.answer(chat.post({"model": MODEL, "messages": given}))

    assert shown(upstream) == given
