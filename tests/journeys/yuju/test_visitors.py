"""Journey: who sends a `visitorId` is remembered: by each assistant, in each account, and for every family."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.assistants import client as assistants
from tests.journeys.clients.aichat import Api, assistant, new_id, system, user
from tests.journeys.clients.openai import Chat
from tests.journeys.clients.runs import cancel
from tests.journeys.clients.streams import attach
from tests.journeys.clients.webhooks import call
from tests.journeys.clients.yuju import Yuju, parsed, refusal
from tests.journeys.rows import Rows

MODEL = "gpt-4o-mini"
CONVERSATION = "X-Conversation-Id"


def own_api(yuju: Yuju) -> Api:
    return Api(yuju.base_url, yuju.key)


def asked(upstream: FakeUpstream) -> list[list[dict[str, str]]]:
    return [sent.messages for sent in upstream.requests]


def test_two_visitors_of_one_assistant_share_nothing(yuju: Yuju, upstream: FakeUpstream) -> None:
    first, second = new_id(), new_id()
    upstream.script(says("一"), says("二"), says("三"), says("四"))

    answers = [
        yuju.ask("我是甲", chatMode=MODEL, visitorId=first),
        yuju.ask("我是乙", chatMode=MODEL, visitorId=second),
        yuju.ask("我是谁", chatMode=MODEL, visitorId=first),
        yuju.ask("我是谁", chatMode=MODEL, visitorId=second),
    ]

    assert [answer.json()["visitorId"] for answer in answers] == [first, second, first, second]
    assert asked(upstream)[2:] == [
        [user("我是甲"), assistant("一"), user("我是谁")],
        [user("我是乙"), assistant("二"), user("我是谁")],
    ]
    threads = [answer.headers[CONVERSATION] for answer in answers]
    assert threads[:2] == threads[2:]
    assert threads[0] != threads[1]


def test_one_visitor_of_two_assistants_has_two_threads(api: Api, yuju: Yuju, upstream: FakeUpstream) -> None:
    visitor = new_id()
    made = [assistants.make(api, model=MODEL, prompt=prompt) for prompt in ("甲", "乙")]

    for one in made * 2:
        yuju.answer("Hi", ibotID=one["id"], visitorId=visitor)

    assert [len(messages) for messages in asked(upstream)] == [2, 2, 4, 4]
    assert [messages[0] for messages in asked(upstream)] == [system("甲"), system("乙")] * 2


def test_the_same_id_in_two_accounts_is_two_visitors(yuju: Yuju, new_yuju: Yuju, upstream: FakeUpstream) -> None:
    visitor = new_id()

    for one in (yuju, new_yuju):
        yuju_thread = one.ask("Hi", chatMode=MODEL, visitorId=visitor).headers[CONVERSATION]
        assert yuju_thread

    assert [len(messages) for messages in asked(upstream)] == [1, 1]


def test_a_number_is_the_same_visitor_as_its_text(yuju: Yuju, upstream: FakeUpstream) -> None:
    number = int(new_id().removeprefix("thread-"), 16)

    answers = [yuju.answer("Hi", chatMode=MODEL, visitorId=given) for given in (number, str(number))]

    assert [answer["visitorId"] for answer in answers] == [str(number)] * 2
    assert len(asked(upstream)[1]) == 3


def test_a_new_visitor_gets_its_attributes_and_a_known_one_keeps_them(new_yuju: Yuju, upstream: FakeUpstream) -> None:
    visitor, api = new_id(), own_api(new_yuju)

    new_yuju.answer("Hi", visitorId=visitor, fielditem={"name": "王小明", "mobile": 13800000000, "级别": "金"})
    new_yuju.answer("Hi", visitorId=visitor, fielditem={"name": "别人"})

    (found,) = call(api, "GET", "visitors")["results"]
    assert (found["name"], found["mobile"], found["attributes"]) == ("王小明", "13800000000", {"级别": "金"})


def test_without_context_nothing_is_kept_of_a_visitor(new_yuju: Yuju, upstream: FakeUpstream, rows: Rows) -> None:
    made = assistants.make(own_api(new_yuju), model=MODEL, context=False)
    before = rows.counts()

    answers = [new_yuju.ask("Hi", ibotID=made["id"], visitorId="v") for _ in range(2)]

    assert [answer.json()["visitorId"] for answer in answers] == ["v", "v"]
    assert [len(messages) for messages in asked(upstream)] == [1, 1]
    assert all(CONVERSATION not in answer.headers for answer in answers)
    assert rows.counts()["message"] == before["message"]
    assert call(own_api(new_yuju), "GET", "visitors")["results"] == []


@pytest.mark.parametrize("fields", [{"temperature": "x"}, {"ibotID": "asst_nobody"}, {"chatMode": "nobody"}])
def test_a_refused_question_makes_no_visitor(new_yuju: Yuju, fields: dict[str, Any]) -> None:
    assert refusal(new_yuju.ask("Hi", visitorId="v", **fields))[0] == 400

    assert call(own_api(new_yuju), "GET", "visitors")["results"] == []


def test_the_prompt_of_one_call_is_gone_with_the_next(yuju: Yuju, upstream: FakeUpstream) -> None:
    visitor = new_id()

    yuju.answer("Hi", chatMode=MODEL, visitorId=visitor, system="只说英文")
    yuju.answer("Hi", chatMode=MODEL, visitorId=visitor)

    assert [messages[0]["role"] for messages in asked(upstream)] == ["system", "user"]


def test_a_thread_goes_on_in_every_family(yuju: Yuju, api: Api, chat: Chat, upstream: FakeUpstream) -> None:
    visitor = new_id()
    upstream.script(says("一"), says("二"), says("三"), says("四"))
    thread = yuju.ask("甲", chatMode=MODEL, visitorId=visitor).headers[CONVERSATION]

    api.answer("乙", id=thread)
    chat.ask("丙", headers={CONVERSATION: thread})
    yuju.answer("丁", chatMode=MODEL, visitorId=visitor)

    assert asked(upstream)[-1] == [
        *(user("甲"), assistant("一"), user("乙"), assistant("二"), user("丙"), assistant("三"), user("丁"))
    ]


def test_two_first_questions_at_once_are_one_thread(yuju: Yuju, upstream: FakeUpstream) -> None:
    visitor = new_id()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: yuju.ask("Hi", chatMode=MODEL, visitorId=visitor), range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers[CONVERSATION] for answer in answers}) == 1
    assert sorted(len(messages) for messages in asked(upstream)) == list(range(1, 16, 2))


def test_a_busy_thread_is_409_and_names_the_run(yuju: Yuju, api: Api, upstream: FakeUpstream) -> None:
    visitor = new_id()
    upstream.script(says("一", "二").stalled_after(2))
    streamed = yuju.post({"content": "Hi", "chatMode": MODEL, "visitorId": visitor, "stream": True}, stream=True)

    busy = yuju.ask("Hi", chatMode=MODEL, visitorId=visitor, headers={"X-On-Busy": "reject"})
    cancel(api, streamed.headers["X-Run-Id"])

    assert busy.status_code == 409
    body = busy.json()
    assert (body["Code"], body["Data"]["run_id"]) == (409, streamed.headers["X-Run-Id"])
    assert parsed(streamed.content)[-1]["visitorId"] == visitor


def test_a_stream_is_resumed_where_it_was_left(yuju: Yuju, api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("一", "二", "三").apart())
    response = yuju.ask("Hi", chatMode=MODEL, visitorId=new_id(), stream=True)
    run = response.headers["X-Run-Id"]

    whole = attach(api, run).content
    rest = attach(api, run, headers={"Last-Event-ID": "2"}).content
    answer = attach(api, run, format="json").json()

    assert whole == response.content
    assert rest == whole[whole.index(b"id: 3") :]
    assert (answer["desc"], answer["source"]) == ("一二三", [])


def test_an_erased_visitors_thread_is_begun_anew(yuju: Yuju, api: Api, upstream: FakeUpstream) -> None:
    visitor = new_id()
    thread = yuju.ask("Hi", chatMode=MODEL, visitorId=visitor).headers[CONVERSATION]
    requests.delete(f"{api.base_url}/api/v1/conversations/{thread}", headers=api.headers, timeout=30).raise_for_status()

    again = yuju.ask("Hi", chatMode=MODEL, visitorId=visitor)

    assert again.status_code == 200
    assert again.headers[CONVERSATION] != thread
    assert len(asked(upstream)[-1]) == 1


def test_a_dry_run_shows_what_the_visitor_has_said_before(yuju: Yuju, upstream: FakeUpstream) -> None:
    visitor = new_id()
    yuju.answer("甲", chatMode=MODEL, visitorId=visitor)

    receipt = yuju.ask("乙", chatMode=MODEL, visitorId=visitor, headers={"X-Dry-Run": "true"}).json()

    assert [message["role"] for message in receipt["messages"]] == ["user", "assistant", "user"]
    assert len(upstream.requests) == 1
