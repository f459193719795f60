"""Journey: every field of the chat, what reached the vendor, and what came back."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.receiver import says as page_says
from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.journeys.assistants import client as assistants
from tests.journeys.clients import knowledge, tools
from tests.journeys.clients.aichat import Api, system, user
from tests.journeys.clients.yuju import Yuju, refusal

MODEL = "gpt-4o-mini"
QUESTION = "乌尔姆的塔有多高?"
Make = Callable[..., Json]


@pytest.fixture
def make(api: Api) -> Make:
    def made(**fields: Any) -> Json:
        return assistants.make(api, **{"model": MODEL, **fields})

    return made


def shown(upstream: FakeUpstream) -> str:
    """What the model read as the last message."""
    content = upstream.requests[-1].messages[-1]["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


@pytest.fixture
def base(api: Api) -> str:
    made = knowledge.make_base(api)
    document = knowledge.add(
        api, made, name="Ulm <1>", text="The tower of Ulm minster is 161 metres high. 乌尔姆的塔高161米。"
    )
    assert knowledge.ended(api, made, document["id"])["status"] == "ready"
    return made


def test_the_assistant_brings_what_the_request_does_not_say(yuju: Yuju, upstream: FakeUpstream, make: Make) -> None:
    made = make(prompt="你是客服。", options={"temperature": 0.2, "max_tokens": 77})

    yuju.answer("在吗", ibotID=made["id"])

    (sent,) = upstream.requests
    assert sent.messages == [system("你是客服。"), user("在吗")]
    assert (sent.body["model"], sent.body["temperature"], sent.body["max_tokens"]) == (MODEL, 0.2, 77)


def test_what_is_given_replaces_what_the_assistant_has(yuju: Yuju, upstream: FakeUpstream, make: Make) -> None:
    made = make(prompt="你是客服。", options={"temperature": 0.2, "max_tokens": 77})

    yuju.answer(
        "在吗",
        ibotID=made["id"],
        system="简短。",
        temperature="0.9",
        max_tokens="100",
        chatMode="gpt-4o",
        search="false",
    )

    (sent,) = upstream.requests
    assert sent.messages == [system("简短。"), user("在吗")]
    assert (sent.body["model"], sent.body["temperature"], sent.body["max_tokens"]) == ("gpt-4o", 0.9, 100)


def test_numbers_may_be_numbers(yuju: Yuju, upstream: FakeUpstream) -> None:
    yuju.answer("Hi", chatMode=MODEL, temperature=1, max_tokens=100.0)

    body = upstream.requests[0].body
    assert (body["temperature"], body["max_tokens"]) == (1, 100)


@pytest.mark.parametrize("kind", ["knowledge", "tool"])
def test_other_kinds_ignore_the_model(yuju: Yuju, upstream: FakeUpstream, make: Make, kind: str) -> None:
    made = make(kind=kind)

    yuju.answer("Hi", ibotID=made["id"], chatMode="no-such-model")

    assert upstream.requests[0].body["model"] == MODEL


def test_a_dialogue_assistant_ignores_knowledge_and_tools(yuju: Yuju, upstream: FakeUpstream, make: Make) -> None:
    made = make()

    answer = yuju.answer(QUESTION, ibotID=made["id"], knowledge="kb_nobody", tools=["tool_nobody"])

    assert answer["source"] == []
    assert "tools" not in upstream.requests[0].body


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize(
    "fields", [{"knowledge": "kb_nobody"}, {"knowledge": 12345}, {"knowledge": "kb_nobody", "visitorId": "v"}]
)
def test_an_unknown_knowledge_base_is_refused_before_anything_is_stored(
    yuju: Yuju, make: Make, fields: dict[str, Any]
) -> None:
    assert refusal(yuju.ask("Hi", ibotID=make(kind="knowledge")["id"], **fields))[0] == 400


@pytest.mark.usefixtures("nothing_stored_or_asked")
def test_an_unknown_tool_is_refused(yuju: Yuju, make: Make) -> None:
    assert refusal(yuju.ask("Hi", ibotID=make(kind="tool")["id"], tools=["tool_nobody"], visitorId="v"))[0] == 400


def test_knowledge_stands_in_source_escaped(yuju: Yuju, upstream: FakeUpstream, make: Make, base: str) -> None:
    upstream.script(says("161米[1]。"))

    answer = yuju.answer(QUESTION, ibotID=make(kind="knowledge")["id"], knowledge=base)

    assert "161 metres" in shown(upstream)
    (source,) = answer["source"]
    assert (source["link"], source["title"]) == ("", "Ulm &lt;1&gt;")
    assert "161" in source["snippet"]
    assert [citation["number"] for citation in answer["citations"]] == [1]


def test_without_a_match_fix_is_the_whole_answer(yuju: Yuju, upstream: FakeUpstream, make: Make, base: str) -> None:
    made = make(kind="knowledge", knowledge=[base], fallback="fix", fallback_text="请联系人工客服")

    own = yuju.answer("zzz qqq xxx", ibotID=made["id"])
    given = yuju.answer("zzz qqq xxx", ibotID=made["id"], handler_type="fix", fix_content="明天再来")
    *_, last = yuju.events("zzz qqq xxx", ibotID=made["id"], fix_content="后天再来")
    assert [sent.messages for sent in upstream.requests] == []
    asked = yuju.answer("zzz qqq xxx", ibotID=made["id"], handler_type="custom")

    assert (own["desc"], given["desc"]) == ("请联系人工客服", "明天再来")
    assert last["usage"] == {"total_cost": 0.0}
    assert asked["desc"] != own["desc"]
    assert len(upstream.requests) == 1


def test_without_a_match_the_web_is_searched(
    yuju: Yuju, upstream: FakeUpstream, web: FakeWeb, make: Make, base: str
) -> None:
    web.finds(("Qqq <b>xxx</b>", web.page("/q", "zzz is qqq"), "a <b>zzz</b>"))

    answer = yuju.answer("zzz qqq xxx", ibotID=make(kind="knowledge")["id"], knowledge=base, handler_type="web_search")

    assert len(web.asked) == 1
    assert [source["link"] for source in answer["source"]] == [web.url("/q")]


def test_a_search_keeps_the_engines_marks(yuju: Yuju, upstream: FakeUpstream, web: FakeWeb) -> None:
    upstream.script(says("今天是13日[1]。"))
    web.finds(
        ("今天是农历几月几日", web.page("/today", "今天是2023年8月13日"), "今天是<b>2023年8月13日</b>"),
        ("日期", web.page("/gone", page_says(b"garbage")), "<b>当前日期</b>"),
    )

    answer = yuju.answer("今天的日期", chatMode=MODEL, search="true")

    assert answer["source"] == [
        {"link": web.url("/today"), "snippet": "今天是<b>2023年8月13日</b>", "title": "今天是农历几月几日"},
        {"link": web.url("/gone"), "snippet": "<b>当前日期</b>", "title": "日期"},
    ]


def test_tools_are_offered_by_a_tool_assistant(
    api: Api, yuju: Yuju, upstream: FakeUpstream, web: FakeWeb, make: Make
) -> None:
    own, given = tools.make(api, web.page("/own", "{}")), tools.make(api, web.page("/given", "{}"))
    made = make(kind="tool", tools=[own["id"]])

    yuju.answer("Hi", ibotID=made["id"])
    yuju.answer("Hi", ibotID=made["id"], tools=[given["id"]])

    assert [tools.offered(sent.body) for sent in upstream.requests] == [[own["name"]], [given["name"]]]


@pytest.mark.parametrize(
    "text", ["今天的日期是什么?", "def f(x):\n    return x + 1", "发票怎么开\r\n谢谢👍", "SELECT * FROM users"]
)
def test_base64_is_read(yuju: Yuju, upstream: FakeUpstream, text: str) -> None:
    yuju.answer(b64encode(text.encode()).decode(), chatMode=MODEL)

    assert upstream.requests[0].messages == [user(text)]


@pytest.mark.parametrize("text", ["emphasis", "dynamics", "20231116", "你好", "aGVsbG9="])
def test_words_are_left_as_they_stand(yuju: Yuju, upstream: FakeUpstream, text: str) -> None:
    yuju.answer(text, chatMode=MODEL)

    assert upstream.requests[0].messages == [user(text)]


def test_an_assistant_may_take_base64_as_it_is(yuju: Yuju, upstream: FakeUpstream, make: Make) -> None:
    yuju.answer("5L2g5aW95ZCX", ibotID=make(decodes_base64=False)["id"])

    assert upstream.requests[0].messages == [user("5L2g5aW95ZCX")]


@pytest.mark.parametrize(("form", "is_told"), [(None, False), ("markdown", True), ("text", True), ("html", True)])
def test_the_model_is_told_of_the_form(yuju: Yuju, upstream: FakeUpstream, form: str | None, is_told: bool) -> None:
    yuju.answer("Hi", chatMode=MODEL, return_format=form)

    assert (len(upstream.requests[0].messages) == 2) is is_told


def test_a_deleted_assistant_is_unknown_and_a_repeat_of_its_answer_is_not(
    api: Api, yuju: Yuju, upstream: FakeUpstream, make: Make
) -> None:
    made, headers = make(), {"Idempotency-Key": "before it was deleted"}
    first = yuju.ask("Hi", ibotID=made["id"], headers=headers)
    assistants.delete(api, made)

    assert refusal(yuju.ask("Hi", ibotID=made["id"]))[0] == 400
    assert yuju.ask("Hi", ibotID=made["id"], headers=headers).json() == first.json()


def test_an_assistant_of_another_account_is_unknown(new_yuju: Yuju, upstream: FakeUpstream, make: Make) -> None:
    assert refusal(new_yuju.ask("Hi", ibotID=make()["id"]))[0] == 400
    assert upstream.requests == []
