"""A refused row of a webhook event or a delivery: as in `test_refused_rows.py`, nobody else notices."""

import pytest

from tests.fakes import receiver as fake
from tests.fakes.receiver import Receiver
from tests.fakes.replies import says
from tests.faults.harness.callers import Way
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.expectations import failed
from tests.faults.harness.outcomes import wait_for_ends
from tests.faults.harness.refusals import (
    ANY_REPORT,
    CLAIM_DELIVERY,
    DELIVERY,
    FINISH_DELIVERY,
    MARK,
    RECORD_ATTEMPT,
    REPORT,
    Refused,
)
from tests.faults.harness.refused_turns import (
    ANSWER_TEXT,
    NOT_STORED,
    Log,
    begin,
    failed_row,
    outcome_of,
    refused,
    without_answer,
)
from tests.journeys.clients.aichat import new_id
from tests.journeys.clients.webhooks import call, list_deliveries, make
from tests.waiting import eventually


@pytest.fixture
def environment(environment: ProxiedEnvironment, notified_environment: ProxiedEnvironment) -> ProxiedEnvironment:
    """Of the account that has endpoints, with nothing asked or planned yet."""
    return notified_environment


@pytest.mark.faults
@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=str)
def test_an_end_that_cannot_be_reported_with_its_answer_is_reported_as_failed(
    environment: ProxiedEnvironment, way: Way
) -> None:
    log = Log(environment)
    with environment.subscribed() as subscriber:
        with refused(environment, REPORT):
            turn = begin(environment, way)
            outcome = outcome_of(environment, turn, broken_at=environment.now())
        notifications, events = subscriber.notifications_of(outcome.run), subscriber.events_of(outcome.run)

    assert failed_row(outcome) == without_answer(NOT_STORED)
    assert outcome.result == failed(turn, shown=ANSWER_TEXT, attempts=["failed"], calls=1, message=NOT_STORED)
    assert [event["type"] for event in events] == ["run.failed"]
    assert [(one["type"], one["data"]["status"], one["data"]["answer"]) for one in notifications] == [
        ("run.failed", "failed", None)
    ]
    log.assert_one_line("end")


@pytest.mark.faults
@pytest.mark.parametrize("point", [ANY_REPORT, DELIVERY], ids=str)
def test_an_end_that_cannot_be_reported_at_all_still_ends_the_run(
    environment: ProxiedEnvironment, point: Refused
) -> None:
    log = Log(environment)
    with environment.subscribed() as subscriber:
        with refused(environment, point):
            turn = begin(environment, Way.UNSTORED)
            wait_for_ends(environment, [turn], broken_at=environment.now())
            turn.caller.wait()
        outcome = outcome_of(environment, turn, broken_at=environment.now())
        events = subscriber.events_of(outcome.run)

    assert failed_row(outcome) == without_answer(NOT_STORED)
    assert outcome.result == failed(turn, shown=ANSWER_TEXT, attempts=["failed"], calls=1, message=NOT_STORED)
    assert events == []
    log.assert_lines("end", "report_end")


@pytest.mark.faults
@pytest.mark.parametrize(
    ("point", "status", "attempts", "steps"),
    [
        (CLAIM_DELIVERY, "failed", [], ["claim_delivery"]),
        (RECORD_ATTEMPT, "succeeded", [(200, "")], ["record_delivery"]),
        (FINISH_DELIVERY, "pending", [], ["record_delivery", "attempt_delivery"]),
    ],
    ids=str,
)
def test_a_delivery_whose_row_is_refused_delays_no_other(
    environment: ProxiedEnvironment,
    point: Refused,
    status: str,
    attempts: list[tuple[int, str]],
    steps: list[str],
) -> None:
    log = Log(environment)
    with Receiver() as receiver, Receiver() as bystander:
        receiver.default = fake.answers(200, MARK.encode())
        marked = make(environment.api, f"{receiver.url}?{MARK}", "run.completed")
        other = make(environment.api, bystander.url, "run.completed")
        with refused(environment, point):
            environment.plan("Who hears?", says("Both."))
            environment.api.answer("Who hears?", id=new_id())
            (arrived,) = eventually(
                lambda: list_deliveries(environment.api, endpoint=other["id"]),
                lambda all_: all_[0]["status"] == "succeeded",
            )
            eventually(lambda: log.steps, lambda found: found == steps)
            (delivery,) = eventually(
                lambda: list_deliveries(environment.api, endpoint=marked["id"]),
                lambda all_: all_[0]["status"] == status,
            )
        for endpoint in (marked, other):
            call(environment.api, "DELETE", f"webhook_endpoints/{endpoint['id']}")

    assert [(one["http_status"], one["response"]) for one in delivery["attempts"]] == attempts
    assert [one["http_status"] for one in arrived["attempts"]] == [200]
    assert len(receiver.requests) == (0 if point is CLAIM_DELIVERY else 1)
    log.assert_lines(*steps)
