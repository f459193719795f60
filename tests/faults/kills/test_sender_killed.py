"""kill -9 of the sender of webhooks between every two steps of a delivery: what its receiver gets, and what is kept.

The rule: it arrives, and it arrives once unless it was sent and that was not recorded; then twice, under one id.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum

import pytest

from tests.fakes import receiver as fake
from tests.fakes.receiver import Behaviour, Receiver
from tests.fakes.replies import says
from tests.faults.harness.environment import GatedStage
from tests.faults.harness.tcp_proxy import Held
from tests.journeys.clients import aichat
from tests.journeys.clients.aichat import Api, Json, eventually, new_id
from tests.journeys.clients.webhooks import call, ledger, make, verified

# A sender starts within some seconds; then the sweeper looks every 3 s, and the first retry waits 5 s.
RECOVERY_SECONDS = 30.0
FIRST_WAIT_SECONDS = 5.0

QUESTION, NEXT = "Who is told?", "And of this?"


class Step(Enum):
    """The step that was done last, in the order of a delivery."""

    OWED = "owed, not claimed"
    CLAIMED = "claimed, not posted"
    POSTED = "posted, not answered"
    ANSWERED = "answered, not recorded"
    RECORDED = "recorded, which was not heard"
    FAILED = "failed, before it is tried again"


# Recognised by what the statements do. A claim that finds something reads its event as well.
CLAIMS = rb"WITH chosen AS "
CLAIMS_ONE = CLAIMS + rb'.* FROM "conversations_event" .*; COMMIT$'
RECORDS = rb'INSERT INTO "conversations_deliveryattempt" .* UPDATE "conversations_delivery" .*; COMMIT$'
# What stands still, and whether it is only its answer that does.
HOLDS = {
    Step.OWED: (CLAIMS, False),
    Step.CLAIMED: (CLAIMS_ONE, True),
    Step.ANSWERED: (RECORDS, False),
    Step.RECORDED: (RECORDS, True),
}
RECEIVERS: dict[Step, Behaviour] = {Step.POSTED: fake.stalls(), Step.FAILED: fake.answers(500)}

# A run with what was said, as it is kept.
RUN = """
SELECT to_jsonb(run) AS run, (
  SELECT jsonb_agg(to_jsonb(message) ORDER BY message.id) FROM conversations_message message
  WHERE message.run_id = run.id
) AS messages
FROM conversations_run run WHERE public_id = %s
"""
ROW = "SELECT status, attempts, claimed_until IS NOT NULL AS is_claimed FROM conversations_delivery"
LAPSE = "UPDATE conversations_delivery SET claimed_until = now() WHERE claimed_until IS NOT NULL"

_OWED: Json = {"status": "pending", "attempts": 0, "is_claimed": False}
_CLAIMED: Json = {"status": "pending", "attempts": 1, "is_claimed": True}
ROWS: dict[Step, Json] = dict.fromkeys(Step, _CLAIMED) | {
    Step.OWED: _OWED,
    Step.RECORDED: {"status": "succeeded", "attempts": 1, "is_claimed": False},
    Step.FAILED: {"status": "pending", "attempts": 1, "is_claimed": False},
}


@dataclass(frozen=True)
class Promise:
    """How often the receiver is told, and the attempts as HTTP status and error."""

    posts: int
    attempts: tuple[tuple[int | None, str | None], ...]


ARRIVED, LOST, REFUSED = (200, None), (None, "interrupted"), (500, None)
PROMISES = {
    Step.OWED: Promise(1, (ARRIVED,)),
    Step.CLAIMED: Promise(1, (LOST, ARRIVED)),
    Step.POSTED: Promise(2, (LOST, ARRIVED)),
    Step.ANSWERED: Promise(2, (LOST, ARRIVED)),
    Step.RECORDED: Promise(1, (ARRIVED,)),
    Step.FAILED: Promise(2, (REFUSED, ARRIVED)),
}
CHEAP = (Step.POSTED,)


@dataclass(frozen=True)
class Told:
    """An endpoint that hears of runs, and what listens there."""

    api: Api
    endpoint: Json
    receiver: Receiver

    @property
    def deliveries(self) -> list[Json]:
        """The oldest first."""
        return ledger(self.api, endpoint=self.endpoint["id"])[::-1]


@pytest.fixture(scope="module")
def own_api(gated_stage: GatedStage) -> Api:
    """An account of our own: the turns of one that ever had an endpoint end by other statements than the gates know."""
    key = aichat.manage(gated_stage.service, "create_key", "--account", "told of its runs").strip()
    return Api(gated_stage.service.base_url, key)


@pytest.fixture
def told(own_api: Api) -> Iterator[Told]:
    with Receiver() as receiver:
        endpoint = make(own_api, receiver.url, "run.completed")
        yield Told(own_api, endpoint, receiver)
        call(own_api, "DELETE", f"webhook_endpoints/{endpoint['id']}")


@pytest.mark.parametrize(
    "step",
    [pytest.param(step, marks=[] if step in CHEAP else pytest.mark.faults) for step in Step],
    ids=lambda step: step.value,
)
def test_a_killed_sender_loses_nothing_and_repeats_only_what_it_sent(stage: GatedStage, told: Told, step: Step) -> None:
    thread = new_id()
    with ExitStack() as stack:
        if held := _hold(stage, step):
            stack.enter_context(held)
        delivery = _bring_to(stage, told, step, thread=thread, held=held)
        run = stage.rows.all(RUN, delivery["run"])
        stage.kill("upkeep")
    if ROWS[step]["is_claimed"]:
        # The minute of a lease passes.
        assert stage.rows.change(LAPSE) == 1

    delivery = eventually(lambda: told.deliveries[0], lambda one: one["status"] == "succeeded", within=RECOVERY_SECONDS)
    _assert_goes_on(stage, told, thread=thread)

    _assert_told(told, delivery, PROMISES[step])
    assert stage.rows.all(RUN, delivery["run"]) == run
    assert stage.rows.all(f"{ROW} WHERE claimed_until IS NOT NULL") == []
    if step is Step.FAILED:
        first, second = (posted.at for posted in told.receiver.requests[:2])
        assert second - first >= FIRST_WAIT_SECONDS


def _hold(stage: GatedStage, step: Step) -> Held | None:
    held = HOLDS.get(step)
    return stage.database.hold(held[0], is_answer=held[1]) if held else None


def _bring_to(stage: GatedStage, told: Told, step: Step, *, thread: str, held: Held | None) -> Json:
    """Have a run end and its delivery stand after that step, proven to be there. Returns it."""
    if behaviour := RECEIVERS.get(step):
        told.receiver.script(behaviour)
    stage.plan(QUESTION, says("Everybody."))
    assert told.api.answer(QUESTION, id=thread)["answer"] == "Everybody."
    if held:
        held.wait()
    if step is Step.POSTED:
        told.receiver.wait(1)
    (delivery,) = eventually(lambda: told.deliveries, bool)
    eventually(lambda: stage.rows.all(f"{ROW} WHERE public_id = %s", delivery["id"]), [ROWS[step]].__eq__)
    assert len(told.receiver.requests) == int(step not in (Step.OWED, Step.CLAIMED))
    return delivery


def _assert_told(told: Told, delivery: Json, promise: Promise) -> None:
    """As often as promised, each time the same, and each attempt written down as what it was."""
    posts = [one for one in told.receiver.requests if one.headers["webhook-id"] == delivery["event"]]
    assert len(posts) == promise.posts
    for posted in posts:
        event = verified(posted, told.endpoint["secret"])
        assert (event["id"], event["type"], event["sequence"]) == (delivery["event"], "run.completed", 2)
        assert (event["data"]["status"], event["data"]["answer"]) == ("completed", "Everybody.")
    attempts = delivery["attempts"]
    assert [one["number"] for one in attempts] == list(range(1, len(promise.attempts) + 1))
    assert tuple((one["http_status"], one["error"]) for one in attempts) == promise.attempts


def _assert_goes_on(stage: GatedStage, told: Told, *, thread: str) -> None:
    """The next turn is told of as well, once, by the new sender; and the events are numbered without a gap."""
    stage.plan(NEXT, says("Of this too."))
    told.api.answer(NEXT, id=thread)
    _, following = eventually(
        lambda: told.deliveries,
        lambda all_: [one["status"] for one in all_] == ["succeeded"] * 2,
        within=RECOVERY_SECONDS,
    )
    ids = [one.headers["webhook-id"] for one in told.receiver.requests]
    assert ids.count(following["event"]) == 1
    events = call(told.api, "GET", "events", params={"conversation": thread})["results"]
    assert [one["sequence"] for one in events] == [1, 2, 3]
