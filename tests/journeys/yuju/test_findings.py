"""Journey: what an assistant does when its knowledge lacks the answer, and which intents a question satisfies.

Told in the answer, in the run, and to webhook endpoints.
"""

from collections.abc import Callable

import pytest

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json, fails, says
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.journeys.assistants import client as assistants
from tests.journeys.clients import knowledge
from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.clients.webhooks import call, make, verified
from tests.journeys.clients.yuju import Yuju
from tests.journeys.service import Service

Events = Callable[[int], list[Json]]
MODEL = "gpt-4o-mini"
QUESTION = "现在几点了?"
FIXED = "请联系人工客服。"
PAGE = "现在是下午三点。"


@pytest.fixture
def owner(service: Service) -> Api:
    return Api(service.base_url, service.create_key(new_id()))


@pytest.fixture
def visitors(owner: Api) -> Yuju:
    """A client of the same account."""
    return Yuju(owner.base_url, owner.key)


@pytest.fixture
def base(owner: Api) -> str:
    made = knowledge.make_base(owner)
    document = knowledge.add(owner, made, name="herons", text="The heron nests early. 苍鹭很早筑巢。")
    assert knowledge.ended(owner, made, document["id"])["status"] == "ready"
    return made


@pytest.fixture
def bird(owner: Api, base: str) -> Json:
    return assistants.make(owner, kind="knowledge", model=MODEL, knowledge=[base])


@pytest.fixture
def events(owner: Api, receiver: Receiver) -> Events:
    """All events of so many, by the order of their sequence."""
    endpoint = make(owner, receiver.url)

    def of(count: int) -> list[Json]:
        received = [verified(posted, endpoint["secret"]) for posted in receiver.wait(count)]
        assert len(received) == count
        return received

    return of


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_fixed_text_is_answered_without_any_model(
    visitors: Yuju, owner: Api, bird: Json, upstream: FakeUpstream, web: FakeWeb, *, is_streamed: bool
) -> None:
    asked = {"ibotID": bird["id"], "handler_type": "fix", "fix_content": FIXED, "visitorId": new_id(), "search": True}

    if is_streamed:
        found = visitors.events(QUESTION, **asked)
        text, last = "".join(event["desc"] for event in found), found[-1]
    else:
        last = visitors.answer(QUESTION, **asked)
        text = last["desc"]

    assert text == FIXED
    assert (last["source"], last["usage"]) == ([], {"total_cost": 0.0})
    assert upstream.requests == []
    assert web.asked == []
    upstream.script(says("不客气"))
    visitors.answer("谢谢", **{**asked, "handler_type": "custom"})
    said = [(message["role"], message["content"]) for message in upstream.requests[0].messages]
    assert said == [("user", QUESTION), ("assistant", FIXED), ("user", "谢谢")]


def test_the_web_is_searched_where_the_bases_lack_it(
    visitors: Yuju, bird: Json, upstream: FakeUpstream, web: FakeWeb
) -> None:
    web.finds(("时间", web.page("/now", PAGE, media_type="text/plain; charset=utf-8"), "<b>现在</b>"))
    upstream.script(says("下午三点[1]。"))

    answer = visitors.answer(QUESTION, ibotID=bird["id"], handler_type="web_search")

    assert [asked.fields["q"] for asked in web.asked] == [QUESTION]
    assert [source["snippet"] for source in answer["source"]] == ["<b>现在</b>"]
    assert PAGE in str(upstream.requests[0].messages[-1]["content"])


def test_what_the_bases_hold_is_answered_from_them(
    visitors: Yuju, bird: Json, upstream: FakeUpstream, web: FakeWeb
) -> None:
    upstream.script(says("很早[1]。"))

    answer = visitors.answer("苍鹭什么时候筑巢?", ibotID=bird["id"], handler_type="fix", fix_content=FIXED)

    assert answer["desc"] == "很早[1]。"
    assert [source["title"] for source in answer["source"]] == ["herons"]
    assert web.asked == []


def test_a_lack_of_knowledge_is_told_to_endpoints(visitors: Yuju, base: str, bird: Json, events: Events) -> None:
    who = new_id()

    answer = visitors.answer(QUESTION, ibotID=bird["id"], visitorId=who, handler_type="fix", fix_content=FIXED)

    received = {event["type"]: event for event in events(4)}
    assert received.keys() == {"visitor.created", "conversation.created", "run.completed", "knowledge.no_match"}
    found = received["knowledge.no_match"]
    assert found["sequence"] == received["run.completed"]["sequence"] + 1
    assert (found["event"], found["ibotID"], found["visitorId"]) == ("no_matching_knowledge", bird["id"], who)
    assert found["msgKey"] == answer["msgKey"]
    assert len(found["contact_id"]) == 32
    assert (found["data"]["knowledge"], found["data"]["handler"]) == ([base], "fix")
    assert QUESTION not in str(found)


def test_intents_stand_in_the_answer_the_run_and_the_events(
    visitors: Yuju, owner: Api, events: Events, upstream: FakeUpstream
) -> None:
    order, refund = (
        assistants.make_intent(owner, "下单", "我要下单"),
        assistants.make_intent(owner, "退款", description="要退钱"),
    )
    assistants.script_intents(upstream, intents=says('{"satisfied": [2]}'), answer=says("好的"))
    helper = assistants.make(owner, model=MODEL)

    answer = visitors.answer(
        "钱退给我", ibotID=helper["id"], visitorId=new_id(), intention=[order, refund, "intent_none"]
    )

    shown = [{"id": order, "name": "下单", "satisfied": False}, {"id": refund, "name": "退款", "satisfied": True}]
    assert answer["desc"] == "好的"
    assert answer["intents"] == shown
    run_id = "run_" + answer["msgKey"].removeprefix("api_").replace("-", "")
    assert call(owner, "GET", f"runs/{run_id}")["intents"] == shown
    received = {event["type"]: event for event in events(4)}
    assert received.keys() == {"visitor.created", "conversation.created", "run.completed", "intent.satisfied"}
    assert received["intent.satisfied"]["data"]["intent"] == {"id": refund, "name": "退款"}
    assert received["intent.satisfied"]["event"] == "intent_satisfied"
    (small,) = assistants.small_calls(upstream)
    assert small["model"] == MODEL
    assert "钱退给我" in small["messages"][1]["content"]


def test_intents_of_the_assistant_are_matched_in_a_stream_too(
    visitors: Yuju, owner: Api, upstream: FakeUpstream
) -> None:
    order = assistants.make_intent(owner, "下单", "我要下单")
    helper = assistants.make(owner, model=MODEL, intents=[order])
    assistants.script_intents(upstream, intents=fails(500), answer=says("好", "的"))

    *_, known = visitors.events("我要下单!", ibotID=helper["id"])
    *words, unknown = visitors.events("你好", ibotID=helper["id"])

    assert known["intents"] == [{"id": order, "name": "下单", "satisfied": True}]
    assert "".join(event["desc"] for event in words) == "好的"
    assert unknown["intents"] == [{"id": order, "name": "下单", "satisfied": None}]
    assert unknown["notes"] == {"intents": "failed"}


def test_a_dry_run_asks_nobody(visitors: Yuju, owner: Api, bird: Json, upstream: FakeUpstream) -> None:
    order = assistants.make_intent(owner, "下单", "我要下单")

    fixed = visitors.ask(
        QUESTION, ibotID=bird["id"], handler_type="fix", fix_content=FIXED, headers={"X-Dry-Run": "true"}
    ).json()
    matched = visitors.ask(QUESTION, ibotID=bird["id"], intention=[order], headers={"X-Dry-Run": "true"}).json()

    assert upstream.requests == []
    assert fixed["messages"] == []
    assert fixed["notes"] == {"knowledge": "no_match", "fallback": "fix", "receipt": "not_asked"}
    assert matched["notes"] == {"intents": "dry_run", "knowledge": "no_match"}
