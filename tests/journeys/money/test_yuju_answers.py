"""Journey: an answer of Yuju's chat says what it has cost, the same live, repeated and later."""

from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.journeys.assistants import client as assistants
from tests.journeys.clients import tools
from tests.journeys.clients.aichat import new_id
from tests.journeys.clients.yuju import Yuju, parsed
from tests.journeys.money.conftest import MODEL, Payer

# Ten tokens of a prompt and five of an answer.
DONE = says("完成。", usage=tools.USAGE)
COST = {"total_cost": 0.02}


def yuju_of(paying: Payer) -> Yuju:
    return Yuju(paying.api.base_url, paying.api.key)


def test_the_cost_is_what_the_account_paid(upstream: FakeUpstream, paying: Payer) -> None:
    upstream.script(DONE, DONE)
    yuju, headers = yuju_of(paying), {"Idempotency-Key": new_id()}

    first = yuju.ask("你好", chatMode=MODEL, headers=headers)
    again = yuju.ask("你好", chatMode=MODEL, headers=headers)
    streamed = yuju.ask("你好", chatMode=MODEL, stream=True)

    assert first.json()["usage"] == COST
    assert again.content == first.content
    assert parsed(streamed.content)[-1]["usage"] == COST
    assert paying.state == ("9.96", "0", None)


def test_a_stored_answer_says_it_later_too(upstream: FakeUpstream, paying: Payer) -> None:
    upstream.script(DONE)
    response = yuju_of(paying).ask("你好", chatMode=MODEL, visitorId="访客")

    assert tools.read_again(paying.api, response.headers["X-Run-Id"]) == response.json()
    assert response.json()["usage"] == COST


def test_what_was_used_besides_is_part_of_it(upstream: FakeUpstream, web: FakeWeb, paying: Payer) -> None:
    upstream.script(DONE)
    web.finds(("乌尔姆", web.page("/ulm", "乌尔姆大教堂高161米。"), ""))

    assert yuju_of(paying).answer("乌尔姆", chatMode=MODEL, search=True)["usage"] == {"total_cost": 0.27}


def test_a_run_that_waited_says_what_all_of_it_cost(upstream: FakeUpstream, web: FakeWeb, paying: Payer) -> None:
    tool = tools.make(paying.api, web.page("/tool", "{}"), needs_approval=True)
    made = assistants.make(paying.api, model=MODEL, kind="tool", tools=[tool["id"]])
    upstream.script(tools.calls((tool["name"], {})), DONE)

    waiting = yuju_of(paying).ask("你好", ibotID=made["id"], visitorId="访客")
    run_id = waiting.headers["X-Run-Id"]
    tools.decide(paying.api, run_id, "approve")
    answer = tools.read_again(paying.api, run_id)

    assert (waiting.json()["status"], waiting.json()["usage"]) == ("requires_action", COST)
    assert (answer["desc"], answer["usage"]) == ("完成。", {"total_cost": 0.04})
    assert paying.state == ("9.96", "0", None)


def test_a_call_may_have_a_price_of_its_own(upstream: FakeUpstream, paying: Payer) -> None:
    assert yuju_of(paying).answer("你好", chatMode="gpt-4o-mini")["usage"] == {"total_cost": 0.5}
