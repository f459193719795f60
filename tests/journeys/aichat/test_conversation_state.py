"""Journey: what is remembered, under which id, and for whom: every row of the table in docs/contract A.6."""

import uuid
from typing import Any

import pytest

from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import aichat
from tests.journeys.clients.aichat import Api, assistant, new_id, refusal, user
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually


def test_a_first_stateful_turn_makes_a_conversation_with_a_random_id(
    api: Api, upstream: FakeUpstream, rows: Rows
) -> None:
    answer = api.answer("Hello", stateful=True)

    assert uuid.UUID(answer["id"]).version == 4
    assert answer["id"] == str(uuid.UUID(answer["id"]))
    assert len(rows.conversations(answer["id"])) == 1
    assert upstream.requests[0].messages == [user("Hello")]


@pytest.mark.parametrize("more", [{"stateful": True}, {}, {"stateful": "true"}, {"stateful": None}])
def test_an_id_continues_its_conversation(api: Api, upstream: FakeUpstream, more: dict[str, Any]) -> None:
    upstream.script(says("Hi."), says("Fine."))
    thread = api.answer("Hello", stateful=True)["id"]

    second = api.answer("How are you?", id=thread, **more)
    third = api.answer("Bye", id=thread, **more)

    assert second["id"] == third["id"] == thread
    assert upstream.requests[2].messages == [
        user("Hello"),
        assistant("Hi."),
        user("How are you?"),
        assistant("Fine."),
        user("Bye"),
    ]


@pytest.mark.parametrize("more", [{}, {"stateful": False}, {"stateful": None}, {"id": ""}, {"id": None}])
def test_a_turn_without_id_and_state_is_not_stored_but_has_an_id(
    api: Api, upstream: FakeUpstream, rows: Rows, more: dict[str, Any]
) -> None:
    before = rows.counts()

    response = api.ask("A secret", **more)

    answer = response.json()
    assert uuid.UUID(answer["id"]).version == 4
    after = rows.counts()
    assert (after["conversation"], after["message"]) == (before["conversation"], before["message"])
    run = eventually(lambda: rows.run(response), lambda run: run["request"] is None)
    assert (run["status"], run["answer"], run["conversation_id"]) == ("completed", None, None)


def test_the_id_of_an_unstored_turn_can_begin_a_conversation(api: Api, upstream: FakeUpstream) -> None:
    unstored = api.answer("A secret")["id"]

    api.answer("Hello", id=unstored, stateful=True)

    assert upstream.requests[1].messages == [user("Hello")]


def test_stateful_false_reads_and_writes_nothing(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    upstream.script(says("Hi."))
    thread = api.answer("Hello", stateful=True)["id"]
    before = rows.counts()

    aside = api.answer("Between us", id=thread, stateful=False)

    after = rows.counts()
    assert aside["id"] == thread
    assert upstream.requests[1].messages == [user("Between us")]
    assert after == before | {"run": before["run"] + 1, "runattempt": before["runattempt"] + 1}
    api.answer("And now?", id=thread)
    assert upstream.requests[2].messages == [user("Hello"), assistant("Hi."), user("And now?")]


@pytest.mark.parametrize("thread", ["a", "A.b_c-9", "." * 128, "x" * 128, "64a67fff-61dc-4801-8339-2c69334c61d6"])
def test_an_unknown_id_begins_a_conversation_under_that_id(
    api: Api, upstream: FakeUpstream, rows: Rows, thread: str
) -> None:
    answer = api.answer("Hello", id=thread, stateful=True)

    assert answer["id"] == thread
    assert upstream.requests[0].messages == [user("Hello")]
    assert len(rows.conversations(thread)) == 1


def test_two_accounts_with_the_same_id_have_two_conversations(
    api: Api, other_api: Api, upstream: FakeUpstream, rows: Rows
) -> None:
    thread = new_id()
    upstream.script(says("Hello, Ann."), says("Hello, Bob."), says("1"), says("2"))

    api.answer("I am Ann", id=thread, preset="Ann's preset")
    other_api.answer("I am Bob", id=thread)
    api.answer("Who am I?", id=thread)
    other_api.answer("Who am I?", id=thread)

    ann, bob = rows.conversations(thread)
    assert ann["account_id"] != bob["account_id"]
    assert upstream.requests[1].messages == [user("I am Bob")]
    assert upstream.requests[2].messages == [
        aichat.system("Ann's preset"),
        user("I am Ann"),
        assistant("Hello, Ann."),
        user("Who am I?"),
    ]
    assert upstream.requests[3].messages == [user("I am Bob"), assistant("Hello, Bob."), user("Who am I?")]


def test_a_deleted_conversation_stays_deleted(
    service: Service, api: Api, other_api: Api, upstream: FakeUpstream, rows: Rows
) -> None:
    thread = new_id()
    api.answer("Hello", id=thread)
    (conversation,) = rows.conversations(thread)
    service.in_shell(
        "from conversations.services.erasures import begin; "
        f"begin.delete_conversation(conversation_id={conversation['id']}, requested_by='a test')"
    )
    before = rows.counts()

    refused = api.ask("Still there?", id=thread)

    assert refusal(refused) == (404, "not_found", "The conversation was deleted.")
    assert rows.counts() == before
    assert len(upstream.requests) == 1
    assert refusal(api.ask("Still there?", id=thread, accept=aichat.NDJSON))[0] == 404
    assert other_api.answer("Mine now", id=thread)["id"] == thread


def test_the_model_may_change_between_turns(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    upstream.script(says("One"), says("Two"))

    api.answer("1", id=thread, model="gpt-4o")
    api.answer("2", id=thread, model="deepseek-v3")

    assert [request.body["model"] for request in upstream.requests] == ["gpt-4o", "deepseek-chat"]
    assert upstream.requests[1].messages == [user("1"), assistant("One"), user("2")]
    assert rows.conversations(thread)[0]["model"] == "deepseek-v3"


def test_a_question_may_be_blank_only_beside_references(api: Api, upstream: FakeUpstream) -> None:
    answer = api.answer("  ", references=["https://example.com/a.png"])

    assert answer["answer"].startswith("1 messages")
    assert upstream.requests[0].messages == [
        user([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])
    ]


def test_an_answer_never_links_to_rows_of_another_account(api: Api, other_api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    mine, theirs = api.ask("Hello", id=thread), other_api.ask("Hello", id=thread)

    assert mine.headers["X-Run-Id"] != theirs.headers["X-Run-Id"]
    assert mine.json() == theirs.json() == {"id": thread, "answer": "1 messages; the last user message: Hello"}
    limits = {f"x-ratelimit-{what}-requests" for what in ("limit", "remaining", "reset")}
    # Pages of some origins may call this service, so what it answers varies by origin.
    named = {"x-run-id", "x-conversation-id", "vary"}
    private = {"cache-control", "x-content-type-options"}
    assert mine.headers.keys() == {"date", "content-length", "content-type", *named, *limits, *private}
