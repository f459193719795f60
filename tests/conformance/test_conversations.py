"""Conformance: what this service adds to the API, by headers and fields that each SDK can send."""

import pytest

from tests.conformance.sdks import Sdk
from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, assistant, new_id, user
from tests.journeys.rows import Rows

pytestmark = pytest.mark.conformance


def test_a_stored_chat_goes_on_under_its_id(sdk: Sdk, upstream: FakeUpstream, rows: Rows) -> None:
    upstream.script(says("one"), says("two"))
    first = sdk.ask("chat", model=MODEL, messages=[user("first")], store=True)
    thread = {"X-Conversation-Id": first["headers"]["x-conversation-id"]}

    second = sdk.ask("chat", headers=thread, model=MODEL, messages=[user("second")])

    assert second["choices"][0]["content"] == "two"
    assert second["headers"]["x-conversation-id"] == thread["X-Conversation-Id"]
    assert upstream.requests[1].messages == [user("first"), assistant("one"), user("second")]
    assert len(rows.conversations(thread["X-Conversation-Id"])) == 1


def test_what_is_sent_again_is_not_stored_again(sdk: Sdk, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    upstream.script(says("A"), says("B"))
    history = [user("a")]
    sdk.ask("chat", headers={"X-Conversation-Id": thread}, model=MODEL, messages=history)
    history += [assistant("A"), user("b")]

    sdk.ask("chat", headers={"X-Conversation-Id": thread}, model=MODEL, messages=history)

    assert upstream.requests[1].messages == history
    kept = "SELECT count(*) AS n FROM conversations_message WHERE conversation_id = %s"
    assert rows.all(kept, rows.conversations(thread)[0]["id"]) == [{"n": 4}]


def test_a_repeat_under_an_idempotency_key_asks_nobody(sdk: Sdk, upstream: FakeUpstream) -> None:
    key = {"Idempotency-Key": new_id()}
    upstream.script(says("once"))
    first = sdk.ask("chat", headers=key, model=MODEL, messages=[user("Hi")])

    again = sdk.ask("chat", headers=key, model=MODEL, messages=[user("Hi")])

    assert again["headers"].pop("idempotent-replayed") == "true"
    assert again == first
    assert len(upstream.requests) == 1
