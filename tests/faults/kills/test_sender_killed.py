"""kill -9 of the sender of webhooks between every two steps of a delivery: what its receiver gets, and what is stored.

The rule: every delivery arrives. It arrives once, or twice with the same id when it was sent and that was not recorded.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from enum import Enum

import pytest

from tests.fakes import receiver as fake
from tests.fakes.receiver import Behaviour
from tests.fakes.replies import Json, says
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.subscriber import Subscriber, subscribed
from tests.faults.harness.tcp_proxy import HeldMessage
from tests.journeys.clients.aichat import new_id
from tests.journeys.clients.webhooks import call, verified
from tests.waiting import eventually

# A sender restarts within some seconds; the sweep runs every 3 s, and the first retry waits 5 s.
RECOVERY_SECONDS = 30.0
FIRST_WAIT_SECONDS = 5.0

QUESTION, NEXT = "Who is notified?", "And of this?"


class Step(Enum):
    """The last step that was done, in the order of a delivery."""

    CREATED = "created, not claimed"
    CLAIMED = "claimed, not posted"
    POSTED = "posted, not answered"
    ANSWERED = "answered, not recorded"
    RECORDED = "recorded, not confirmed"
    FAILED = "failed, before the retry"


# Statements are recognised by what they do. A claim that finds a delivery also reads its event.
CLAIMS = rb"WITH chosen AS "
CLAIMS_ONE = CLAIMS + rb'.* FROM "conversations_event" .*; COMMIT$'
RECORDS = rb'INSERT INTO "conversations_deliveryattempt" .* UPDATE "conversations_delivery" .*; COMMIT$'
# The statement that is held, and whether only its answer is.
HOLDS = {
    Step.CREATED: (CLAIMS, False),
    Step.CLAIMED: (CLAIMS_ONE, True),
    Step.ANSWERED: (RECORDS, False),
    Step.RECORDED: (RECORDS, True),
}
RECEIVERS: dict[Step, Behaviour] = {Step.POSTED: fake.stalls(), Step.FAILED: fake.answers(500)}

# A run and its messages, as stored.
RUN = """
SELECT to_jsonb(run) AS run, (
  SELECT jsonb_agg(to_jsonb(message) ORDER BY message.id) FROM conversations_message message
  WHERE message.run_id = run.id
) AS messages
FROM conversations_run run WHERE public_id = %s
"""
ROW = "SELECT status, attempts, claimed_until IS NOT NULL AS is_claimed FROM conversations_delivery"
EXPIRE_LEASE = "UPDATE conversations_delivery SET claimed_until = now() WHERE claimed_until IS NOT NULL"

_PENDING: Json = {"status": "pending", "attempts": 0, "is_claimed": False}
_CLAIMED: Json = {"status": "pending", "attempts": 1, "is_claimed": True}
ROWS: dict[Step, Json] = dict.fromkeys(Step, _CLAIMED) | {
    Step.CREATED: _PENDING,
    Step.RECORDED: {"status": "succeeded", "attempts": 1, "is_claimed": False},
    Step.FAILED: {"status": "pending", "attempts": 1, "is_claimed": False},
}


ARRIVED, LOST, REFUSED = (200, None), (None, "interrupted"), (500, None)
# How many requests the receiver gets, and the HTTP status and error of each attempt.
EXPECTED: dict[Step, tuple[int, list[tuple[int | None, str | None]]]] = {
    Step.CREATED: (1, [ARRIVED]),
    Step.CLAIMED: (1, [LOST, ARRIVED]),
    Step.POSTED: (2, [LOST, ARRIVED]),
    Step.ANSWERED: (2, [LOST, ARRIVED]),
    Step.RECORDED: (1, [ARRIVED]),
    Step.FAILED: (2, [REFUSED, ARRIVED]),
}
CHEAP = (Step.POSTED,)


@pytest.fixture
def subscriber(environment: ProxiedEnvironment, notified_environment: ProxiedEnvironment) -> Iterator[Subscriber]:
    with subscribed(notified_environment.api, environment.rows, "run.completed") as subscriber:
        yield subscriber


@pytest.mark.parametrize(
    "step",
    [pytest.param(step, marks=[] if step in CHEAP else pytest.mark.faults) for step in Step],
    ids=lambda step: step.value,
)
def test_a_killed_sender_loses_nothing_and_repeats_only_what_it_sent(
    environment: ProxiedEnvironment, subscriber: Subscriber, step: Step
) -> None:
    thread = new_id()
    with ExitStack() as stack:
        if held := _hold(environment, step):
            stack.enter_context(held)
        delivery = _bring_to(environment, subscriber, step, thread=thread, held=held)
        run = environment.rows.all(RUN, delivery["run"])
        environment.kill("upkeep")
    if ROWS[step]["is_claimed"]:
        # As if the minute of the lease had passed.
        assert environment.rows.change(EXPIRE_LEASE) == 1

    delivery = eventually(
        lambda: subscriber.deliveries[0], lambda one: one["status"] == "succeeded", within=RECOVERY_SECONDS
    )
    following = _deliver_next(environment, subscriber, thread=thread)

    posts, attempts = EXPECTED[step]
    ids = [posted.headers["webhook-id"] for posted in subscriber.receiver.requests]
    assert ids == [delivery["event"]] * posts + [following["event"]]
    received = [verified(posted, subscriber.endpoint["secret"]) for posted in subscriber.receiver.requests[:posts]]
    assert [_facts(event) for event in received] == [
        (delivery["event"], "run.completed", 2, "completed", "Everybody.")
    ] * posts
    assert [(one["number"], one["http_status"], one["error"]) for one in delivery["attempts"]] == [
        (number, status, error) for number, (status, error) in enumerate(attempts, 1)
    ]
    events = call(subscriber.api, "GET", "events", params={"conversation": thread})["results"]
    assert [event["sequence"] for event in events] == [1, 2, 3]
    assert environment.rows.all(RUN, delivery["run"]) == run
    assert environment.rows.all(f"{ROW} WHERE claimed_until IS NOT NULL") == []
    if step is Step.FAILED:
        first, second = (posted.at for posted in subscriber.receiver.requests[:2])
        assert second - first >= FIRST_WAIT_SECONDS


def _hold(environment: ProxiedEnvironment, step: Step) -> HeldMessage | None:
    held = HOLDS.get(step)
    return environment.database.hold(held[0], is_answer=held[1]) if held else None


def _bring_to(
    environment: ProxiedEnvironment, subscriber: Subscriber, step: Step, *, thread: str, held: HeldMessage | None
) -> Json:
    """Have a run end and hold its delivery after that step, verified; returns the delivery."""
    if behaviour := RECEIVERS.get(step):
        subscriber.receiver.script(behaviour)
    environment.plan(QUESTION, says("Everybody."))
    assert subscriber.api.answer(QUESTION, id=thread)["answer"] == "Everybody."
    if held:
        held.wait()
    if step is Step.POSTED:
        subscriber.receiver.wait(1)
    (delivery,) = eventually(lambda: subscriber.deliveries, bool)
    eventually(lambda: environment.rows.all(f"{ROW} WHERE public_id = %s", delivery["id"]), [ROWS[step]].__eq__)
    assert len(subscriber.receiver.requests) == int(step not in (Step.CREATED, Step.CLAIMED))
    return delivery


def _deliver_next(environment: ProxiedEnvironment, subscriber: Subscriber, *, thread: str) -> Json:
    """Ask the conversation another question; returns the delivery of its event, once it has succeeded."""
    environment.plan(NEXT, says("Of this too."))
    subscriber.api.answer(NEXT, id=thread)
    _, following = eventually(
        lambda: subscriber.deliveries,
        lambda all_: [one["status"] for one in all_] == ["succeeded"] * 2,
        within=RECOVERY_SECONDS,
    )
    return following


def _facts(event: Json) -> tuple[object, ...]:
    return event["id"], event["type"], event["sequence"], event["data"]["status"], event["data"]["answer"]
