"""kill -9 of the web process: when only the row knows of its turn, and while it makes the call of an action."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import requests

from conversations.values.tool_calls import UNKNOWN_RESULT
from tests.fakes.receiver import Receiver, stalls
from tests.faults.harness.callers import Way, ask
from tests.faults.harness.environment import READY_SECONDS, ProxiedEnvironment
from tests.faults.harness.expectations import completed
from tests.faults.harness.outcomes import observe, wait_for_ends
from tests.faults.harness.points import FIRST, Point, bring_to
from tests.journeys.clients import tools
from tests.journeys.clients.aichat import MODEL, new_id
from tests.journeys.clients.webhooks import call
from tests.journeys.clients.yuju import Yuju, data
from tests.waiting import eventually

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM, Way.UNSTORED], ids=lambda way: way.value)
def test_its_turn_is_answered_all_the_same(environment: ProxiedEnvironment, way: Way) -> None:
    turn = bring_to(environment, Point.NOT_ENQUEUED, way)
    assert turn.held

    killed_at = environment.kill("web")
    turn.held.drop()

    wait_for_ends(environment, [turn], broken_at=killed_at)
    outcome = observe(environment, turn, broken_at=killed_at)
    expected = completed(turn, text=FIRST, attempts=["completed"], calls=1)
    assert outcome.result == replace(expected, caller=None)


@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=lambda way: way.value)
def test_a_question_repeated_with_its_key_joins_the_turn(environment: ProxiedEnvironment, way: Way) -> None:
    key = new_id()
    turn = bring_to(environment, Point.NOT_ENQUEUED, way, key=key)
    assert turn.held

    killed_at = environment.kill("web")
    turn.held.drop()
    turn.caller.wait()
    turn.caller = ask(environment.api, way, turn.question, thread=turn.thread, key=key)

    wait_for_ends(environment, [turn], broken_at=killed_at)
    outcome = observe(environment, turn, broken_at=killed_at)
    assert outcome.result == completed(turn, text=FIRST, attempts=["completed"], calls=1)


def test_a_call_of_an_action_that_died_with_it_ends_and_is_not_made_again(environment: ProxiedEnvironment) -> None:
    assistant = call(environment.api, "POST", "assistants", status=201, json={"name": new_id(), "model": MODEL})
    yuju, key = Yuju(environment.api.base_url, environment.api.key), {"Idempotency-Key": new_id()}
    asked = {"instructions": "Go", "ibotID": assistant["id"]}
    with Receiver() as receiver, ThreadPoolExecutor(1) as threads:
        receiver.default = stalls()
        tool = tools.make(environment.api, receiver.url)
        path = f"/v1/openapi/exposed/{tool['id']}/execute"
        environment.upstream.script(tools.calls((tool["name"], {})))
        broken = threads.submit(yuju.post, asked, path=path, headers=key)
        receiver.wait(1)

        environment.kill("web")

        with pytest.raises(requests.ConnectionError):
            broken.result()
        eventually(environment.is_ready, bool, within=READY_SECONDS)
        assert data(yuju.post(asked, path=path, headers=key))["status"] == "running"
        # A minute and a half later.
        earlier = "UPDATE conversations_toolcall SET started_at = started_at - interval '2 minutes' WHERE tool_id = %s"
        assert environment.rows.change(earlier, tool["id"]) == 1
        ended = eventually(
            lambda: data(yuju.post(asked, path=path, headers=key)), lambda found: found["status"] != "running"
        )

    assert (ended["status"], ended["error"]) == ("error", UNKNOWN_RESULT)
    assert yuju.data("GET", "exposed/logs")["list"][0]["status"] == "unknown"
    assert len(receiver.requests) == 1
