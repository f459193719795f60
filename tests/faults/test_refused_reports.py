"""The report of an end, or a delivery, that the database refuses: as in `test_refused_rows.py`, nobody else notices."""

import copy
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from tests.fakes import receiver as fake
from tests.fakes.receiver import Receiver
from tests.fakes.replies import says
from tests.faults.harness.callers import Way
from tests.faults.harness.environment import GatedStage
from tests.faults.harness.outcomes import wait_for_ends
from tests.faults.harness.refusals import ANY_REPORT, CLAIM_DELIVERY, MARK, OWE, RECORD, REPORT, SETTLE, Refused
from tests.faults.harness.refused_turns import Log, assert_failed_bare, assert_told_so, begin, ending, refused
from tests.faults.harness.watching import watching
from tests.journeys.clients import aichat
from tests.journeys.clients.aichat import eventually, new_id
from tests.journeys.clients.webhooks import call, ledger, make


@pytest.fixture(scope="module")
def own_stage(gated_stage: GatedStage) -> Iterator[GatedStage]:
    """The same service for an account of our own: one that ever had an endpoint ends its turns by other statements."""
    service = copy.copy(gated_stage.service)
    service.api_key = aichat.manage(service, "create_key", "--account", "told of refusals").strip()
    with closing(replace(gated_stage, service=service)) as stage:
        yield stage


@pytest.fixture
def told_stage(stage: GatedStage, own_stage: GatedStage) -> GatedStage:
    """It, begun anew."""
    own_stage.plans = stage.plans
    return own_stage


@pytest.mark.faults
@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=str)
def test_an_end_that_cannot_be_reported_with_its_answer_is_reported_as_failed(told_stage: GatedStage, way: Way) -> None:
    log = Log(told_stage)
    with watching(told_stage) as watch:
        with refused(told_stage, REPORT):
            outcome = ending(told_stage, begin(told_stage, way), broken_at=told_stage.now())
        told, events = watch.told_of(outcome.run), watch.events_of(outcome.run)

    assert_failed_bare(outcome, "failed")
    assert_told_so(outcome)
    assert [event["type"] for event in events] == ["run.failed"]
    assert [(one["type"], one["data"]["status"], one["data"]["answer"]) for one in told] == [
        ("run.failed", "failed", None)
    ]
    log.assert_one_line("end")


@pytest.mark.faults
@pytest.mark.parametrize("point", [ANY_REPORT, OWE], ids=str)
def test_an_end_that_cannot_be_reported_at_all_is_an_end(told_stage: GatedStage, point: Refused) -> None:
    log = Log(told_stage)
    with watching(told_stage) as watch:
        with refused(told_stage, point):
            turn = begin(told_stage, Way.UNSTORED)
            wait_for_ends(told_stage, [turn], broken_at=told_stage.now())
            turn.caller.wait()
        outcome = ending(told_stage, turn, broken_at=told_stage.now())
        events = watch.events_of(outcome.run)

    assert_failed_bare(outcome, "failed")
    assert_told_so(outcome)
    assert events == []
    log.assert_lines("end", "report_end")


@pytest.mark.faults
@pytest.mark.parametrize(
    ("point", "status", "attempts", "steps"),
    [
        (CLAIM_DELIVERY, "failed", [], ["claim_delivery"]),
        (RECORD, "succeeded", [(200, "")], ["record_delivery"]),
        (SETTLE, "pending", [], ["record_delivery", "attempt_delivery"]),
    ],
    ids=str,
)
def test_a_delivery_that_cannot_be_written_down_delays_no_other(
    told_stage: GatedStage, point: Refused, status: str, attempts: list[tuple[int, str]], steps: list[str]
) -> None:
    log = Log(told_stage)
    with Receiver() as receiver, Receiver() as bystander:
        receiver.default = fake.answers(200, MARK.encode())
        marked = make(told_stage.api, f"{receiver.url}?{MARK}", "run.completed")
        other = make(told_stage.api, bystander.url, "run.completed")
        with refused(told_stage, point):
            told_stage.plan("Who hears?", says("Both."))
            told_stage.api.answer("Who hears?", id=new_id())
            (arrived,) = eventually(
                lambda: ledger(told_stage.api, endpoint=other["id"]), lambda all_: all_[0]["status"] == "succeeded"
            )
            eventually(lambda: log.steps, lambda said: said == steps)
            (delivery,) = eventually(
                lambda: ledger(told_stage.api, endpoint=marked["id"]), lambda all_: all_[0]["status"] == status
            )
        for endpoint in (marked, other):
            call(told_stage.api, "DELETE", f"webhook_endpoints/{endpoint['id']}")

    assert [(one["http_status"], one["response"]) for one in delivery["attempts"]] == attempts
    assert [one["http_status"] for one in arrived["attempts"]] == [200]
    assert len(receiver.requests) == (0 if point is CLAIM_DELIVERY else 1)
    log.assert_lines(*steps)
