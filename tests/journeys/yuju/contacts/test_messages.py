"""Journey: a message is sent to a visitor beside its turns, and what was said is read again."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
import requests

from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, Api, new_id
from tests.journeys.clients.webhooks import call
from tests.journeys.clients.yuju import Yuju, data, refusal
from tests.journeys.rows import Rows
from tests.journeys.service import Service

MESSAGES = """
SELECT m.id FROM conversations_message m JOIN conversations_dialogue d ON d.conversation_id = m.conversation_id
JOIN conversations_visitor v ON v.id = d.visitor_id WHERE v.public_id = %s ORDER BY m.id
"""
ATTEMPTS = """
SELECT 1 FROM conversations_runattempt a JOIN conversations_run r ON r.id = a.run_id WHERE r.public_id = %s
"""
ONCE = {"Idempotency-Key": "once"}


@pytest.fixture
def yuju(asking_api: Api) -> Yuju:
    return Yuju(asking_api.base_url, asking_api.key)


def send(yuju: Yuju, user_id: str, content: str, **more: Any) -> Json:
    return dict(yuju.data("POST", "send-to-user", {"user_id": user_id, "content": content, **more}))


def contact_of(yuju: Yuju, visitor: str) -> str:
    filters = [{"filter_key": "userid", "filter_condition": "equal", "filter_value": visitor}]
    return str(yuju.data("POST", "contacts", {"filter": filters})[0]["id"])


def recorded(yuju: Yuju, contact_id: str, **query: str) -> list[tuple[str, str]]:
    """Kind and words of each message."""
    pages = yuju.data("GET", "chat/record", contact_id=contact_id, **query)
    return [(one["msg_type"], orjson.loads(one["msg"])["content"]) for page in pages for one in page["msg"]]


def test_the_next_turns_model_is_shown_it(yuju: Yuju, upstream: FakeUpstream, rows: Rows) -> None:
    upstream.script(says("您好"), says("好的"))
    first = yuju.ask("我要退货", visitorId="客户-1")

    sent = yuju.send("POST", "send-to-user", {"user_id": "客户-1", "bot_id": None, "content": "客服小张为您服务"})
    yuju.answer("谢谢", visitorId="客户-1")

    told = data(sent)
    assert told == {
        "ActionStatus": "OK",
        "ErrorCode": 0,
        "ErrorInfo": "",
        "MsgKey": told["MsgKey"],
        "MsgTime": told["MsgTime"],
    }
    assert told["MsgKey"].startswith("api_")
    assert sent.headers["X-Conversation-Id"] == first.headers["X-Conversation-Id"]
    assert upstream.requests[1].messages == [
        {"role": "user", "content": "我要退货"},
        {"role": "assistant", "content": "您好"},
        {"role": "assistant", "content": "客服小张为您服务"},
        {"role": "user", "content": "谢谢"},
    ]
    assert len(upstream.requests) == 2
    assert rows.all(ATTEMPTS, sent.headers["X-Run-Id"]) == []


def test_begins_the_thread_of_a_visitor_who_has_said_nothing(yuju: Yuju, upstream: FakeUpstream) -> None:
    upstream.script(says("您好"))
    contact_id = yuju.data("POST", "contacts/add", {"contact": {"name": "王"}})["id"]

    first = yuju.send("POST", "send-to-user", {"user_id": contact_id, "content": "欢迎"})
    second = yuju.send("POST", "send-to-user", {"user_id": contact_id, "content": "有什么可以帮您"})
    asked = yuju.ask("你们几点开门", visitorId=contact_id)

    threads = {one.headers["X-Conversation-Id"] for one in (first, second, asked)}
    assert len(threads) == 1
    assert [one["content"] for one in upstream.requests[0].messages] == ["欢迎", "有什么可以帮您", "你们几点开门"]


def test_other_families_read_it(yuju: Yuju, asking_api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("您好"), says("好"))
    thread = yuju.ask("你好", visitorId="v").headers["X-Conversation-Id"]
    sent = yuju.send("POST", "send-to-user", {"user_id": "v", "content": "客服在此"})

    asking_api.answer("继续", id=thread)
    run = call(asking_api, "GET", f"runs/{sent.headers['X-Run-Id']}")
    again = requests.get(
        f"{asking_api.base_url}/api/v1/runs/{sent.headers['X-Run-Id']}/stream",
        params={"format": "json"},
        headers=asking_api.headers,
        timeout=30,
    ).json()
    cost = call(asking_api, "GET", f"runs/{sent.headers['X-Run-Id']}/cost")

    assert [one["content"] for one in upstream.requests[1].messages] == ["你好", "您好", "客服在此", "继续"]
    assert (run["status"], run["conversation"], run["usage"]) == ("completed", thread, None)
    assert (again["desc"], again["visitorId"], again["msgKey"]) == ("客服在此", "v", data(sent)["MsgKey"])
    assert float(cost["cost"]) == 0


def test_a_thread_belongs_to_one_assistant(yuju: Yuju, asking_api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("一"), says("二"))
    other = call(asking_api, "POST", "assistants", status=201, json={"name": "另一个", "model": MODEL})["id"]
    yuju.answer("你好", visitorId="v")

    send(yuju, "v", "给另一个", bot_id=other)
    yuju.answer("在吗", visitorId="v")

    assert "给另一个" not in str(upstream.requests[1].messages)
    assert yuju.refusal("POST", "send-to-user", {"user_id": "v", "bot_id": "x", "content": "y"}) == (
        400,
        "bot_id: there is no such assistant",
    )


def test_refuses_a_message_while_a_question_is_being_answered(yuju: Yuju, upstream: FakeUpstream) -> None:
    upstream.script(says("您好"), says("答").silent())
    yuju.answer("你好", visitorId="v")

    with ThreadPoolExecutor(1) as threads:
        question = threads.submit(yuju.answer, "在吗", visitorId="v")
        upstream.wait_for_requests(2)
        busy = yuju.send("POST", "send-to-user", {"user_id": "v", "content": "等等"})
        upstream.release()
        answer = question.result(60)
    after = send(yuju, "v", "现在可以了")

    refused = busy.json()
    assert (busy.status_code, refused["Code"], refused["Msg"].endswith("is being answered.")) == (409, 409, True)
    assert (answer["desc"], after["ActionStatus"]) == ("答", "OK")
    assert [words for _, words in recorded(yuju, contact_of(yuju, "v"))] == ["你好", "您好", "在吗", "答", "现在可以了"]


@pytest.mark.parametrize("character", ["龘", "😀"])
def test_a_long_message_may_be_written_in_escapes(yuju: Yuju, character: str) -> None:
    contact_id = yuju.data("POST", "contacts/add", {"contact": {"name": "王"}})["id"]

    send(yuju, contact_id, character * 20_000)

    status, said = yuju.refusal("POST", "send-to-user", {"user_id": contact_id, "content": character * 20_001})
    assert (status, said) == (400, "content: must have at most 20000 characters.")
    assert recorded(yuju, contact_id) == [("customer_service", character * 20_000)]


def test_a_repeated_request_sends_nothing_again(yuju: Yuju, upstream: FakeUpstream) -> None:
    upstream.script(says("您好"))
    yuju.answer("你好", visitorId="v")
    body = {"user_id": "v", "content": "一次"}

    first = yuju.post(body, path="/v1/openapi/send-to-user", headers=ONCE)
    again = yuju.post(body, path="/v1/openapi/send-to-user", headers=ONCE)
    other = yuju.post({**body, "content": "两次"}, path="/v1/openapi/send-to-user", headers=ONCE)

    assert data(again) == data(first)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert refusal(other)[0] == 409
    assert [words for kind, words in recorded(yuju, contact_of(yuju, "v")) if kind == "customer_service"] == ["一次"]


def test_many_at_once_make_one_thread_and_lose_nothing(yuju: Yuju) -> None:
    contact_id = yuju.data("POST", "contacts/add", {"contact": {"name": "王"}})["id"]

    with ThreadPoolExecutor(8) as threads:
        sent = list(threads.map(lambda n: send(yuju, contact_id, f"第{n}条"), range(16)))

    said = recorded(yuju, contact_id)
    assert len({one["MsgKey"] for one in sent}) == 16
    assert sorted(words for _, words in said) == sorted(f"第{n}条" for n in range(16))
    conversations = {
        orjson.loads(one["msg"])["conversationID"]
        for page in yuju.data("GET", "chat/record", contact_id=contact_id)
        for one in page["msg"]
    }
    assert len(conversations) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user_id": "v"},
        {"content": "x"},
        {"user_id": "v", "content": " "},
        {"user_id": "v", "content": 5},
        {"user_id": "v", "content": "a\0"},
        {"user_id": "v", "content": "x" * 20_001},
        {"user_id": ["v"], "content": "x"},
        {"user_id": True, "content": "x"},
        {"user_id": "v" * 129, "content": "x"},
        {"user_id": "v", "bot_id": {}, "content": "x"},
        {"user_id": "v", "bot_id": 1.5, "content": "x"},
    ],
)
def test_refuses_a_message_that_is_none(new_yuju: Yuju, rows: Rows, body: Json) -> None:
    before = rows.counts()

    assert new_yuju.refusal("POST", "send-to-user", body)[0] == 400
    assert rows.counts() == before


def test_an_account_that_may_begin_no_conversation_sends_into_threads_alone(service: Service) -> None:
    yuju = Yuju(service.base_url, service.create_key(new_id(), "--calls", "0"))
    contact_id = yuju.data("POST", "contacts/add", {"contact": {"name": "王"}})["id"]

    # Nothing is charged, so it needs no calls.
    assert send(yuju, contact_id, "你好")["ActionStatus"] == "OK"


def test_a_record_has_the_members_of_a_messengers_message(yuju: Yuju, asking_api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("您好"))
    response = yuju.ask("你好\u2028", visitorId="v", fielditem={"name": "小红"})
    contact_id = contact_of(yuju, "v")
    assistant = call(asking_api, "GET", "assistants")["results"][0]["id"]

    (page,) = yuju.data("GET", "chat/record", contact_id=contact_id, channel_id="", start_date="", end_date="")

    first, second = (orjson.loads(one["msg"]) for one in page["msg"])
    assert (page["channel"], page["next"]) == ("api", None)
    assert [one["msg_type"] for one in page["msg"]] == ["user", "assistant"]
    assert first == {
        "ID": first["ID"],
        "avatar": "",
        "conversationID": response.headers["X-Conversation-Id"],
        "conversationType": "C2C",
        "from": contact_id,
        "nick": "小红",
        "payload": {"data": '{"text":"你好\u2028"}', "description": "", "extension": ""},
        "time": first["time"],
        "to": assistant,
        "type": "TIMCustomElem",
        "role": "user",
        "content": "你好\u2028",
    }
    assert (second["from"], second["to"], second["content"]) == (assistant, contact_id, "您好")


def test_a_record_is_of_a_time_and_has_pages(yuju: Yuju, rows: Rows) -> None:
    contact_id = yuju.data("POST", "contacts/add", {"contact": {"name": "王"}})["id"]
    for said in ("前天", "昨天", "今天"):
        send(yuju, contact_id, said)
    keys = rows.all(MESSAGES, f"vis_{contact_id}")
    for days, key in zip((48, 24, 0), (one["id"] for one in keys), strict=True):
        at = f"2026-03-{10 - days // 24:02} 12:00:00+00"
        rows.change("UPDATE conversations_message SET created_at = %s WHERE id = %s", at, key)

    def words(**query: str) -> list[str]:
        return [content for _, content in recorded(yuju, contact_id, **query)]

    assert words(start_date="2026-03-08", end_date="2026-03-10") == ["前天", "昨天", "今天"]
    assert words(start_date="2026-03-09", end_date="2026-03-09") == ["昨天"]
    assert words(start_date="2026-03-09 12:00:01", end_date="2026-03-10") == ["今天"]
    assert words(end_date="2026-03-08") == ["前天"]
    assert words(end_date="2026-03-07") == []
    assert words(start_date="2026-03-08", end_date="2026-03-10", channel_id="抖音") == []


def test_a_long_record_has_a_next_page(yuju: Yuju) -> None:
    contact_id = yuju.data("POST", "contacts/add", {"contact": {"name": "王"}})["id"]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: send(yuju, contact_id, f"第{n}条"), range(201)))

    (page,) = yuju.data("GET", "chat/record", contact_id=contact_id)
    (rest,) = yuju.data("GET", "chat/record", contact_id=contact_id, cursor=page["next"])

    assert (len(page["msg"]), len(rest["msg"]), rest["next"]) == (200, 1, None)
    assert len({one["msg"] for one in page["msg"] + rest["msg"]}) == 201


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"contact_id": "x" * 129},
        {"contact_id": "x", "start_date": "gestern"},
        {"contact_id": "x", "start_date": "2026-13-01"},
        {"contact_id": "x", "end_date": "9999-12-31"},
        {"contact_id": "x", "start_date": "2026-03-02", "end_date": "2026-03-01"},
    ],
)
def test_refuses_a_time_that_is_none(new_yuju: Yuju, query: dict[str, str]) -> None:
    assert new_yuju.refusal("GET", "chat/record", **query)[0] == 400


def test_a_cursor_of_another_account_is_none(yuju: Yuju, new_yuju: Yuju) -> None:
    mine = yuju.data("POST", "contacts/add", {"contact": {"name": "王"}})["id"]
    theirs = new_yuju.data("POST", "contacts/add", {"contact": {"name": "王"}})["id"]
    send(new_yuju, theirs, "你好")
    (page,) = new_yuju.data("GET", "chat/record", contact_id=theirs)
    message = orjson.loads(page["msg"][0]["msg"])["ID"]

    assert yuju.refusal("GET", "chat/record", contact_id=mine, cursor=message) == (
        400,
        "cursor is not one of ours",
    )
    assert yuju.refusal("GET", "chat/record", contact_id="0" * 32) == (404, "visitor not found")
