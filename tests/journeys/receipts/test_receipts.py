"""Journey: the receipt of a run says what the vendor really got."""

from typing import Any

import pytest
import requests

from tests.fakes.replies import Json, fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import openai
from tests.journeys.clients.aichat import MODEL, Api, assistant, new_id, user
from tests.journeys.clients.openai import Chat
from tests.journeys.clients.receipts import context, got, receipt, said
from tests.journeys.clients.runs import wait_for_runs
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

TIMEOUT_SECONDS = 30
SMALL_MODEL, SMALL_WINDOW = "gpt-4", 8192
TOO_LONG = fails(400, "This model's maximum context length is 8192 tokens.", code="context_length_exceeded")
STORED = """
from conversations.models import Account
from conversations.services import presets
account = Account.objects.get(name={account!r})
presets.save(account=account, name="captain", text="Old.")
presets.save(account=account, name="captain", text="Talk like a pirate.", parameters={{"temperature": 0.25}})
"""


def test_a_plain_turn(new_api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    new_api.answer("Hello", id=thread, preset="Be brief.")

    run_id = new_api.ask("Again", id=thread).headers["X-Run-Id"]

    found = receipt(new_api, run_id)
    assert said(found) == got(upstream)
    assert [message["origin"] for message in found["messages"]] == ["preset", "history", "history", "question"]
    assert found["trimmed"] == {"window": 0, "history_most": 0, "shrunk": 0, "tool_pairing": 0}
    assert found["usage"]["source"] == "reported"


def kept(rows: Rows, run_id: str) -> Any:
    """What the run's row keeps for its receipt."""
    (row,) = rows.all("SELECT answer->'context' AS kept FROM conversations_run WHERE public_id = %s", run_id)
    return row["kept"]


def test_a_turn_that_needs_no_record_keeps_none(new_api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    run_id = new_api.ask("Hello").headers["X-Run-Id"]

    assert kept(rows, run_id) is None
    assert receipt(new_api, run_id, text="false")["messages"][0]["text"] is None


def test_a_history_that_was_trimmed(new_api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    upstream.script(*[says("好的。")] * 12)

    for number in range(12):
        response = new_api.ask(f"{number}" + "问" * 1000, id=thread, model=SMALL_MODEL, preset="你是一个助手。")

    run_id = response.headers["X-Run-Id"]
    found = receipt(new_api, run_id)
    assert said(found) == got(upstream)
    left_out = [message for message in found["messages"] if message["position"] is None]
    assert {message["trimmed"] for message in left_out} == {"window"}
    assert found["trimmed"]["window"] == len(left_out) == 24 - found["sent"]
    assert "问" not in str(kept(rows, run_id))


def test_a_prompt_that_the_vendor_refused_and_took_shorter(new_api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(*[says("ok")] * 3, TOO_LONG, says("shorter"))

    for number in range(4):
        response = new_api.ask(f"{number}" + "问" * 1000, id=thread, model=SMALL_MODEL)

    found = receipt(new_api, response.headers["X-Run-Id"])
    assert said(found) == got(upstream)
    assert len(said(found)) < len(got(upstream, -2))
    assert found["trimmed"] == {"window": 0, "history_most": 0, "shrunk": 7 - found["sent"], "tool_pairing": 0}


def test_a_prompt_that_was_refused_twice_says_what_was_sent_last(new_api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(*[says("ok")] * 3, TOO_LONG, TOO_LONG)

    for number in range(4):
        new_api.ask(f"{number}" + "问" * 1000, id=thread, model=SMALL_MODEL)

    (run_id, *_) = wait_for_runs(new_api, thread, count=4)
    found = receipt(new_api, run_id)
    assert said(found) == got(upstream)
    assert found["trimmed"]["shrunk"] == 7 - found["sent"]


def test_a_preset_has_its_version_and_its_options(service: Service, upstream: FakeUpstream) -> None:
    account = new_id()
    api = Api(service.base_url, service.create_key(account))
    service.in_shell(STORED.format(account=account))

    run_id = api.ask("Hello", preset="captain").headers["X-Run-Id"]

    found = receipt(api, run_id)
    assert said(found) == got(upstream) == [("system", "Talk like a pirate."), ("user", "Hello")]
    assert (found["preset"]["name"], found["preset"]["version"]) == ("captain", 2)
    assert found["options"] == {"temperature": 0.25}
    assert upstream.requests[0].body["temperature"] == 0.25


def test_calls_of_tools_stand_where_the_vendor_got_them(new_api: Api, upstream: FakeUpstream) -> None:
    thread, headers = new_id(), {}
    chat = Chat(new_api.base_url, new_api.key)
    headers["X-Conversation-Id"] = thread
    calls = [{"index": at, **call(call_id)} for at, call_id in enumerate(("one", "two"))]
    upstream.script(says(tool_calls=calls, finish="tool_calls"), says("fine"), says("late"))
    body: Json = {"model": MODEL, "tools": [{"type": "function", "function": {"name": "weather"}}]}

    asked = chat.post({**body, "messages": [user("How is it?")]}, headers=headers)
    chat.post({**body, "messages": [result("one")]}, headers=headers)
    last = chat.post({**body, "messages": [user("Well?")]}, headers=headers)

    assert receipt(new_api, asked.headers["X-Run-Id"])["tools"] == {"declared": ["weather"], "called": ["weather"] * 2}
    found = receipt(new_api, last.headers["X-Run-Id"])
    shown = [(role, text or None) for role, text in said(found)]
    assert shown == [(message["role"], message["content"]) for message in upstream.requests[-1].messages]
    assert [message["is_partial"] for message in found["messages"]] == [False, True, False, False, False]
    assert found["messages"][1]["trimmed"] == "tool_pairing"


def call(call_id: str) -> Json:
    return {"id": call_id, "type": "function", "function": {"name": "weather", "arguments": "{}"}}


def result(call_id: str) -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": "sunny"}


def test_a_history_that_is_sent_again(new_api: Api, upstream: FakeUpstream) -> None:
    thread = {"X-Conversation-Id": new_id()}
    chat = Chat(new_api.base_url, new_api.key)
    messages = [user("Hello")]

    for question in ("Again", "Once more"):
        answer = openai.answer(chat.post({"model": MODEL, "messages": messages}, headers=thread))
        messages += [assistant(answer["choices"][0]["message"]["content"]), user(question)]
    last = chat.post({"model": MODEL, "messages": messages}, headers=thread)

    found = receipt(new_api, last.headers["X-Run-Id"])
    assert said(found) == got(upstream)
    assert [message["origin"] for message in found["messages"]] == ["history"] * 4 + ["question"]
    assert all(message["id"].startswith("msg_") for message in found["messages"])


def test_pages_of_a_conversation_lead_to_its_beginning(new_api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    for number in range(4):
        response = new_api.ask(f"Question {number}", id=thread)
    run_id = response.headers["X-Run-Id"]

    newest = receipt(new_api, run_id, limit=3)
    before = receipt(new_api, run_id, limit=10, before=newest["earlier"])

    assert [message["position"] for message in newest["messages"]] == [4, 5, 6]
    assert [message["position"] for message in before["messages"]] == [0, 1, 2, 3]
    assert before["earlier"] is None


def test_a_run_has_no_receipt_before_it_has_ended(new_api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("slow").stalled_after(0))
    response = new_api.post({"model": MODEL, "question": "Hello", "async": True})

    found = receipt(new_api, response.headers["X-Run-Id"], status=409)

    assert found["error"]["code"] == "busy"
    upstream.release()


def test_a_turn_that_nothing_stores_has_one_until_it_is_erased(new_api: Api, upstream: FakeUpstream) -> None:
    body = {"model": MODEL, "question": "Hello", "stateful": False}

    kept_by_key = new_api.post(body, headers={"Idempotency-Key": new_id()}).headers["X-Run-Id"]
    erased = new_api.post(body).headers["X-Run-Id"]

    assert said(receipt(new_api, kept_by_key)) == got(upstream, 0)
    assert eventually(lambda: context(new_api, erased).status_code, lambda status: status == 404) == 404


def test_a_deleted_conversation_has_none(new_api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    run_id = new_api.ask("Hello", id=thread).headers["X-Run-Id"]

    requests.delete(
        f"{new_api.base_url}/api/v1/conversations/{thread}", headers=new_api.headers, timeout=TIMEOUT_SECONDS
    )

    assert receipt(new_api, run_id, status=404)["error"]["code"] == "not_found"


@pytest.mark.parametrize("parameters", [{"limit": "0"}, {"limit": "1001"}, {"text": "yes"}])
def test_a_parameter_without_meaning_is_refused(new_api: Api, parameters: dict[str, str]) -> None:
    assert receipt(new_api, "run_x", status=400, **parameters)["error"]["code"] == "bad_request"
