"""Journey: very long questions, answers and conversations, and what of them a small model gets."""

import pytest
import requests

from providers import tokens
from providers.messages import Message, Role, TextPart
from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, SSE, Api, assistant, new_id, system, user
from tests.journeys.rows import Rows

HUNDRED_KB = 100 * 1024
# The smallest window of the catalogue, and the size of a prompt for it: an eighth stays empty, and a quarter is
# reserved for the answer (rules/conversations/context_window.py).
SMALL_MODEL, SMALL_WINDOW = "gpt-4", 8192
SMALL_PROMPT = SMALL_WINDOW - SMALL_WINDOW // 8 - SMALL_WINDOW // 4


@pytest.mark.parametrize(
    "question",
    ["word " * (HUNDRED_KB // 5), "长问题，" * (HUNDRED_KB // 12), "🙂" * (HUNDRED_KB // 4)],
    ids=["ASCII", "Chinese", "emoji"],
)
def test_a_question_of_100_kb_arrives_whole_and_stays(api: Api, upstream: FakeUpstream, question: str) -> None:
    thread = new_id()
    upstream.script(says("Long."), says("Yes."))

    api.answer(question, id=thread, model="gpt-4.1")
    api.answer("Was it long?", id=thread, model="gpt-4.1")

    assert len(question.encode()) > HUNDRED_KB - 20
    assert upstream.requests[0].messages == [user(question)]
    assert upstream.requests[1].messages == [user(question), assistant("Long."), user("Was it long?")]


@pytest.mark.parametrize("accept", ["", SSE])
def test_an_answer_of_100_kb_comes_whole_and_stays(api: Api, upstream: FakeUpstream, accept: str) -> None:
    thread = new_id()
    pieces = [f"{number} 你好🙂 " * 8 for number in range(900)]
    whole = "".join(pieces)
    upstream.script(says(*pieces).split(1000), says("Yes."))

    response = api.ask("Tell me everything", id=thread, accept=accept)
    api.answer("Was it long?", id=thread)

    assert len(whole.encode()) > HUNDRED_KB
    if not accept:
        assert response.json()["answer"] == whole
    assert response.content.count(b"[DONE]") == bool(accept)
    assert upstream.requests[1].messages[1] == assistant(whole)


def test_two_hundred_turns_are_sent_as_they_were(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    expected: list[Json] = [system("Count with me")]

    with requests.Session() as session:
        for turn in range(200):
            body = {"model": MODEL, "question": f"第 {turn} turn", "id": thread}
            fields = body | ({"preset": "Count with me"} if turn == 0 else {})
            answer = session.post(api.url, json=fields, headers=api.headers, timeout=30).json()["answer"]
            expected += [user(f"第 {turn} turn"), assistant(answer)]

    lengths = [len(request.messages) for request in upstream.requests]
    assert lengths == [2 * turn + 2 for turn in range(200)]
    assert upstream.requests[-1].messages == expected[:-1]
    assert expected[-1] == assistant("400 messages; the last user message: 第 199 turn")
    (conversation,) = rows.conversations(thread)
    counted = rows.all("SELECT count(*) AS n FROM conversations_message WHERE conversation_id = %s", conversation["id"])
    assert counted == [{"n": 400}]


def estimated(messages: list[Json]) -> int:
    return tokens.estimate_messages(
        tuple(Message(Role(message["role"]), (TextPart(message["content"]),)) for message in messages)
    )


def test_a_small_window_gets_the_newest_whole_turns_and_the_preset(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(*[says("好的。")] * 12)
    questions = [f"{number}" + "问" * 1000 for number in range(12)]

    for question in questions:
        api.answer(question, id=thread, model=SMALL_MODEL, preset="你是一个助手。")

    last = upstream.requests[-1].messages
    kept = [message["content"] for message in last if message["role"] == "user"]
    assert last[0] == system("你是一个助手。")
    assert kept == questions[-len(kept) :]
    assert [message["role"] for message in last[1:]] == ["user", "assistant"] * (len(kept) - 1) + ["user"]
    assert estimated(last) <= SMALL_PROMPT
    # No more was left out than necessary.
    one_more = [user(questions[-len(kept) - 1]), assistant("好的。")]
    assert estimated(last + one_more) > SMALL_PROMPT
    assert len(kept) == 6


def test_a_large_model_is_sent_what_a_small_one_could_not_be(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    for number in range(8):
        api.answer(f"{number}" + "问" * 1000, id=thread, model=SMALL_MODEL)

    api.answer("And now?", id=thread, model="gpt-4.1")

    assert len(upstream.requests[-2].messages) < 15
    assert len(upstream.requests[-1].messages) == 17


def test_a_question_that_alone_is_too_large_is_sent_without_history(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    question = "问" * 20_000
    api.answer("Hello", id=thread, model=SMALL_MODEL, preset="Keep me")

    api.answer(question, id=thread, model=SMALL_MODEL)

    assert upstream.requests[1].messages == [system("Keep me"), user(question)]
