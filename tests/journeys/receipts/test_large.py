"""Journey: receipts of conversations that hold megabytes."""

import base64

import pytest

from tests.fakes.replies import Json
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, Api, new_id, user
from tests.journeys.clients.openai import Chat
from tests.journeys.clients.receipts import receipt, said

MEGABYTE = 1_000_000
PICTURE = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(2 * MEGABYTE)).decode()


@pytest.fixture
def new_chat(new_api: Api) -> Chat:
    return Chat(new_api.base_url, new_api.key)


def run_of(chat: Chat, messages: list[Json], *, thread: str = "", **fields: object) -> str:
    """The id of the run; without a `thread`, of a turn that nothing stores but its key."""
    headers = {"X-Conversation-Id": thread} if thread else {"Idempotency-Key": new_id()}
    response = chat.post({"model": MODEL, "messages": messages, **fields}, headers=headers)
    assert response.status_code == 200, response.text
    return response.headers["X-Run-Id"]


def test_the_bytes_of_a_picture_hide_no_words(new_api: Api, new_chat: Chat, upstream: FakeUpstream) -> None:
    thread = new_id()
    new_api.ask("Hello", id=thread)
    shown = [{"type": "text", "text": "See?"}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    run_of(new_chat, [user(shown)], thread=thread)

    run_id = new_api.ask("And now?", id=thread).headers["X-Run-Id"]

    found = receipt(new_api, run_id)
    words = [text for _, text in said(found)]
    assert (words[0], words[2], words[4]) == ("Hello", "See?", "And now?")
    assert [(file["message"], file["kind"], file["shown"]) for file in found["files"]] == [(2, "image", "native")]
    assert upstream.requests[-1].messages[2]["content"] == shown


def test_calls_with_megabytes_of_arguments_stay_paired(new_api: Api, new_chat: Chat, upstream: FakeUpstream) -> None:
    thread = new_id()
    arguments = '{"a": "%s"}' % ("x" * 5 * MEGABYTE)
    call = {"id": "one", "type": "function", "function": {"name": "look", "arguments": arguments}}
    result = {"role": "tool", "tool_call_id": "one", "content": "sunny"}
    asked = {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "two"}]}
    # A window that holds all of it.
    run_of(new_chat, [user("Go"), asked, result, user("Well?")], thread=thread, model="gpt-4.1-mini")

    run_id = new_api.ask("And now?", id=thread, model="gpt-4.1-mini").headers["X-Run-Id"]

    found = receipt(new_api, run_id)
    assert [role for role, _ in said(found)] == [message["role"] for message in upstream.requests[-1].messages]
    partial = [message["is_partial"] for message in found["messages"] if message["position"] is not None]
    assert partial == [len(message.get("tool_calls", ())) == 1 for message in upstream.requests[-1].messages]


def test_pages_of_messages_without_ids_lead_to_the_first(new_api: Api, new_chat: Chat, upstream: FakeUpstream) -> None:
    run_id = run_of(new_chat, [user(f"Question {number}") for number in range(5)])

    newest = receipt(new_api, run_id, limit=3)
    before = receipt(new_api, run_id, limit=3, before=newest["earlier"])

    assert [message["text"] for message in before["messages"]] == ["Question 0", "Question 1"]
    assert before["earlier"] is None


def test_names_and_options_are_shown_within_bounds(new_api: Api, new_chat: Chat, upstream: FakeUpstream) -> None:
    tools = [{"type": "function", "function": {"name": f"f{number}" + "x" * 250}} for number in range(100)]
    stop = ["x" * 3_000]

    run_id = run_of(new_chat, [user("Go")], tools=tools, stop=stop, temperature=0.5, metadata={"a": "b" * 500})

    found = receipt(new_api, run_id)
    assert [len(name) for name in found["tools"]["declared"]] == [200] * 100
    assert (found["options"]["temperature"], found["options"]["stop"]) == (0.5, stop)
    assert len(str(found)) < 100_000
    # A vendor's fields, which it gets beside the others.
    extra = run_of(new_chat, [user("Go")], model="deepseek-chat", top_k=3, chat_template_kwargs={"a": "x" * 9_000})
    assert receipt(new_api, extra)["options"] == {"top_k": 3, "chat_template_kwargs": {"left_out_bytes": 9_008}}
    assert upstream.requests[-1].body["top_k"] == 3
