from decimal import Decimal
from typing import Any

import orjson
import pytest

from conversations.dialects.yuju.chat.render import TextCollector
from conversations.values.assistants import IntentMatch
from conversations.values.context.sources import Excerpt, Source, Sourced, SourceKind
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from conversations.values.tool_calls import RequiredCall
from providers.events import ReasoningDelta, RefusalDelta, StreamEvent, TextDelta
from tests.unit.conversations.dialects.yuju.chat.reply_context import KEY, RUN, context

DONE = RunEnded(RunStatus.COMPLETED)
FOUND = Source(
    SourceKind.SEARCH,
    "s1",
    "今天是农历几月几日",
    "https://wannianli.tianqi.com/today",
    snippet="今天是<b>2023年8月13日</b>",
)
KNOWN = Source(SourceKind.KNOWLEDGE, "doc_1", "R&D <img>.pdf", base="kb_1", excerpt=Excerpt("a <b> & c", 0, 9))


def answered(*events: StreamEvent | RunEnded, visitor: str | None = None) -> dict[str, Any]:
    collector = TextCollector(context(visitor))
    for position, event in enumerate(events, 1):
        collector.feed(RunEvent(position, event))
    assert collector.failure() is None
    return dict(orjson.loads(collector.answer()))


def test_an_answer_is_a_bare_object_with_all_its_keys_always() -> None:
    assert answered(TextDelta("你"), ReasoningDelta("hm"), TextDelta("好"), TextDelta("no", choice=1), DONE) == {
        "desc": "你好",
        "content": "你好",
        "msgKey": KEY,
        "visitorId": None,
        "source": [],
        "usage": {"total_cost": 0.0},
    }


def test_the_first_content_of_the_object_is_the_text() -> None:
    sourced = Sourced((KNOWN,))

    assert list(answered(TextDelta("Hi"), RunEnded(RunStatus.COMPLETED, sourced=sourced)))[:2] == ["desc", "content"]


def test_a_refusal_is_text_and_a_visitor_is_told_back() -> None:
    answer = answered(RefusalDelta("不行"), DONE, visitor="访客")

    assert (answer["desc"], answer["visitorId"]) == ("不行", "访客")


def test_sources_are_html_in_the_order_of_their_numbers() -> None:
    answer = answered(TextDelta("见[1]"), RunEnded(RunStatus.COMPLETED, sourced=Sourced((FOUND, KNOWN))))

    assert answer["source"] == [
        {
            "link": "https://wannianli.tianqi.com/today",
            "snippet": "今天是<b>2023年8月13日</b>",
            "title": "今天是农历几月几日",
        },
        {"link": "", "snippet": "a &lt;b&gt; &amp; c", "title": "R&amp;D &lt;img&gt;.pdf"},
    ]
    assert [source["number"] for source in answer["sources"]] == [1, 2]


@pytest.mark.parametrize(
    ("cost", "shown"), [("0.001", 0.001), ("0.0000004", 0.0), ("0.0000015", 0.000002), ("12", 12.0), ("1.23", 1.23)]
)
def test_the_cost_is_a_number_of_at_most_six_decimals(cost: str, shown: float) -> None:
    answer = answered(TextDelta("Hi"), RunEnded(RunStatus.COMPLETED, cost=Decimal(cost)))

    assert answer["usage"] == {"total_cost": shown}


def test_says_which_intents_were_satisfied() -> None:
    matches = (IntentMatch("intent_1", "退货", True), IntentMatch("intent_2", "投诉", None))

    answer = answered(TextDelta("Hi"), RunEnded(RunStatus.COMPLETED, sourced=Sourced(intents=matches)))

    assert answer["intents"] == [
        {"id": "intent_1", "name": "退货", "satisfied": True},
        {"id": "intent_2", "name": "投诉", "satisfied": None},
    ]


def test_says_what_waits_for_an_approval() -> None:
    required = (RequiredCall("call_1", "send", "{}"),)

    answer = answered(RunEnded(RunStatus.REQUIRES_ACTION, required=required))

    assert (answer["status"], answer["run_id"], answer["desc"]) == ("requires_action", RUN, "")
    assert answer["required_action"] == {"tool_calls": [{"id": "call_1", "name": "send", "arguments": "{}"}]}


def test_a_restart_drops_the_words_so_far() -> None:
    collector = TextCollector(context())
    collector.feed(RunEvent(1, TextDelta("old")))
    collector.restart()
    collector.feed(RunEvent(1, TextDelta("new")))
    collector.feed(RunEvent(2, DONE))

    assert orjson.loads(collector.answer())["desc"] == "new"


def test_a_failed_run_is_its_error() -> None:
    collector = TextCollector(context())
    collector.feed(RunEvent(1, TextDelta("half")))
    collector.feed(RunEvent(2, RunEnded(RunStatus.FAILED, error_code="upstream_failed")))

    failure = collector.failure()
    assert failure is not None
    assert failure.code == "upstream_failed"
