"""Journey: the answer as events, and what holds for every turn: repeats, tasks, dry runs, cancelling."""

import orjson
import pytest
import requests

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import Api, new_id, user
from tests.journeys.clients.progress import wait_for_words
from tests.journeys.clients.runs import cancel
from tests.journeys.clients.tasks import ended
from tests.journeys.clients.yuju import Yuju, parsed, refusal
from tests.journeys.rows import Rows

MODEL = "gpt-4o-mini"
END = {"source": [], "usage": {"total_cost": 0.0}}


def test_each_event_has_what_is_new_and_the_last_has_the_rest(yuju: Yuju, upstream: FakeUpstream) -> None:
    upstream.script(says("你", "好\u2028\x85", "!").apart())

    response = yuju.ask("Hi", chatMode=MODEL, stream=True)
    *words, last = parsed(response.content)

    shared = {"msgKey": words[0]["msgKey"], "visitorId": None}
    assert words == [{"desc": text, "content": text, **shared} for text in ("你", "好\u2028\x85", "!")]
    assert last == {"desc": "", "content": "", **shared, **END}
    assert response.headers["Cache-Control"] == "no-cache, no-store"
    assert shared["msgKey"][4:].replace("-", "") == response.headers["X-Run-Id"].removeprefix("run_")


@pytest.mark.parametrize("flag", [True, "true", "True", " TRUE "])
def test_the_flag_may_be_a_text(yuju: Yuju, upstream: FakeUpstream, flag: object) -> None:
    response = yuju.post({"content": "Hi", "stream": flag})

    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"


@pytest.mark.parametrize("flag", [False, "false", None])
def test_without_the_flag_it_is_json_whatever_is_accepted(yuju: Yuju, upstream: FakeUpstream, flag: object) -> None:
    response = yuju.post({"content": "Hi", "stream": flag}, headers={"Accept": "text/event-stream"})

    assert response.headers["content-type"] == "application/json"
    assert response.json()["desc"]


def test_a_repeated_question_is_asked_once(yuju: Yuju, upstream: FakeUpstream) -> None:
    upstream.script(says("第一"), says("第二"))
    headers = {"Idempotency-Key": new_id()}

    first = yuju.ask("Hi", chatMode=MODEL, headers=headers)
    again = yuju.ask("Hi", chatMode=MODEL, headers=headers)
    other = yuju.ask("Hello", chatMode=MODEL, headers=headers)

    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.json()["desc"] == "第一"
    assert refusal(other)[0] == 409
    assert len(upstream.requests) == 1


def test_a_task_brings_the_whole_answer_by_callback_and_when_polled(
    yuju: Yuju, api: Api, upstream: FakeUpstream, receiver: Receiver
) -> None:
    upstream.script(says("稍后"))

    accepted = yuju.ask("Hi", chatMode=MODEL, callback_url=receiver.url).json()
    (delivered,) = receiver.wait(1)

    assert (accepted["success"], accepted["status"]) == (True, "queued")
    body: Json = orjson.loads(delivered.body)
    assert (body["status"], body["answer"]) == ("succeeded", "稍后")
    assert body["response"] == {
        "desc": "稍后",
        "content": "稍后",
        "msgKey": body["response"]["msgKey"],
        "visitorId": None,
        **END,
    }
    assert ended(api, accepted["task_id"])["response"]["response"] == body["response"]


def test_a_dry_run_shows_what_would_be_sent_and_asks_nobody(yuju: Yuju, upstream: FakeUpstream, rows: Rows) -> None:
    before = rows.counts()

    receipt = yuju.ask("今天", chatMode=MODEL, system="简短", headers={"X-Dry-Run": "true"}).json()

    assert receipt["model"] == MODEL
    assert [message["role"] for message in receipt["messages"]] == ["system", "user"]
    assert upstream.requests == []
    assert rows.counts() == before


def test_a_cancelled_answer_ends_with_the_words_so_far(yuju: Yuju, api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("一", "二").stalled_after(2))

    response = yuju.post({"content": "Hi", "chatMode": MODEL, "stream": True}, stream=True)
    wait_for_words(upstream)
    cancel(api, response.headers["X-Run-Id"])

    *_, last = parsed(b"".join(response.iter_content(None)))
    assert last["source"] == []


def test_the_public_clients_body_is_answered(yuju: Yuju, upstream: FakeUpstream) -> None:
    """`{content, ibotID, stream:false}`; the client takes the first `content` that is a text."""
    upstream.script(says("好"))
    unknown = {"content": "Hi", "ibotID": None, "stream": False, "chatMode": MODEL, "future": {"content": "no"}}

    body = requests.post(yuju.url(), params={"apiKey": yuju.key}, json=unknown, timeout=30).content

    assert body.index(b'"content":"') == body.index(b'"content":"\xe5\xa5\xbd"')
    assert upstream.requests[0].messages == [user("Hi")]
