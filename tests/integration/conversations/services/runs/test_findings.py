"""What was found out about a visitor's question is reported behind the end of its run (docs/contract D.9)."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.models import Account, Delivery, Event, Run, Visitor
from conversations.services.runs import finish, sql
from conversations.values.assistants import AssistantUsed, Fallback, FallbackHandler, IntentMatch
from conversations.values.context.sources import ContextAsked, Sourced
from conversations.values.runs import RunStatus
from tests import builders
from tests.integration.conversations.prepared import executed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback_receivers")]

ORDER, REFUND = IntentMatch("intent_1", "order", True), IntentMatch("intent_2", "refund", False)
FIX = ContextAsked(
    knowledge=("kb_1",), fallback=Fallback(FallbackHandler.FIX, "Later."), intents=("intent_1", "intent_2")
)
NO_MATCH = {"knowledge": "no_match", "fallback": "fix"}


@pytest.fixture
def helper(ann: Account) -> AssistantUsed:
    return builders.visitors.assistant(ann)


def ended(run: Run, sourced: Sourced, *, status: RunStatus = RunStatus.COMPLETED) -> Run:
    report = builders.runs.report(status=status, code="upstream_error" if status is RunStatus.FAILED else "")
    report = replace(report, ended=replace(report.ended, sourced=sourced))
    assert finish.finish(run=builders.runs.claim(run), report=report)
    run.refresh_from_db()
    return run


def asked(owner: Account, of: AssistantUsed | None, sourced: Sourced, **more: Any) -> Run:
    turn = builders.visitors.turn("u1", of=of)
    return ended(builders.runs.start(owner, **{**turn, "given": {**turn["given"], "context": FIX}}), sourced, **more)


def findings(run: Run) -> list[Any]:
    return [orjson.loads(event.payload or "") for event in Event.objects.filter(run=run).order_by("pk")][1:]


def types(run: Run) -> list[str]:
    return list(Event.objects.filter(run=run).order_by("sequence").values_list("type", flat=True))


def test_a_lack_of_knowledge_is_reported_with_what_happened_instead(ann: Account, helper: AssistantUsed) -> None:
    builders.webhooks.endpoint(ann)

    run = asked(ann, helper, Sourced(notes=NO_MATCH))

    assert types(run) == ["run.completed", "knowledge.no_match"]
    (event,) = findings(run)
    visitor = Visitor.objects.get(account=ann)
    contact = visitor.public_id.removeprefix("vis_")
    uuid = f"{run.public_id[4:12]}-{run.public_id[12:16]}-{run.public_id[16:20]}-{run.public_id[20:24]}"
    assert {name: value for name, value in event.items() if name not in ("id", "timestamp", "sequence", "data")} == {
        "type": "knowledge.no_match",
        "event": "no_matching_knowledge",
        "ibotID": helper.public_id,
        "visitorId": "u1",
        "contact_id": contact,
        "msgKey": f"api_{uuid}-{run.public_id[24:]}",
    }
    assert run.conversation is not None
    assert event["data"] == {
        "run": run.public_id,
        "url": f"/api/v1/runs/{run.public_id}",
        "conversation": run.conversation.public_id,
        "assistant": helper.public_id,
        "visitor": visitor.public_id,
        "external_id": "u1",
        "knowledge": ["kb_1"],
        "handler": "fix",
    }
    assert Delivery.objects.filter(event__run=run, status="pending").count() == 2


@pytest.mark.parametrize(
    ("intents", "reported"),
    [
        ((ORDER, REFUND), ["intent.satisfied"]),
        ((ORDER, replace(REFUND, is_satisfied=True)), ["intent.satisfied", "intent.satisfied"]),
        ((REFUND,), ["intent.not_satisfied"]),
        ((replace(ORDER, is_satisfied=None), replace(REFUND, is_satisfied=None)), []),
        ((), []),
    ],
)
def test_each_intent_that_is_satisfied_is_reported_or_that_none_is(
    ann: Account, helper: AssistantUsed, intents: tuple[IntentMatch, ...], reported: list[str]
) -> None:
    builders.webhooks.endpoint(ann)

    run = asked(ann, helper, Sourced(intents=intents))

    assert types(run) == ["run.completed", *reported]
    named = [{"id": match.id, "name": match.name} for match in intents]
    for number, event in enumerate(findings(run)):
        what = {"intents": named} if reported == ["intent.not_satisfied"] else {"intent": named[number]}
        assert event["data"].items() >= what.items()
    completed = orjson.loads(Event.objects.get(run=run, type="run.completed").payload or "")
    shown = [{"id": match.id, "name": match.name, "satisfied": match.is_satisfied} for match in intents]
    assert completed["data"].get("intents", []) == shown
    assert (
        completed["data"].items()
        >= {
            "assistant": helper.public_id,
            "assistant_version": helper.version,
            "visitor": Visitor.objects.get(account=ann).public_id,
        }.items()
    )


def test_a_run_with_an_answer_that_was_cut_short_reports_them_too(ann: Account, helper: AssistantUsed) -> None:
    builders.webhooks.endpoint(ann)

    run = asked(ann, helper, Sourced(notes=NO_MATCH, intents=(ORDER,)), status=RunStatus.INCOMPLETE)

    assert types(run) == ["run.completed", "knowledge.no_match", "intent.satisfied"]


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED])
def test_another_end_reports_none(ann: Account, helper: AssistantUsed, status: RunStatus) -> None:
    builders.webhooks.endpoint(ann)

    run = asked(ann, helper, Sourced(notes=NO_MATCH, intents=(ORDER,)), status=status)

    assert types(run) == [f"run.{status.value}"]


def test_a_turn_of_nobody_reports_what_it_always_did(ann: Account) -> None:
    builders.webhooks.endpoint(ann)

    run = ended(builders.runs.start(ann, given={"context": FIX}), Sourced(notes=NO_MATCH, intents=(ORDER,)))

    assert types(run) == ["run.completed"]


def test_without_endpoints_the_end_is_one_statement(ann: Account, helper: AssistantUsed) -> None:
    with executed(finish=sql.FINISH) as ends, CaptureQueriesContext(connection) as queries:
        run = asked(ann, helper, Sourced(notes=NO_MATCH, intents=(ORDER,)))

    assert types(run) == []
    assert ends == {"finish": 1}
    assert not [query for query in queries if "conversations_event" in query["sql"]]


def test_a_turn_that_is_not_stored_reports_no_words(ann: Account, helper: AssistantUsed) -> None:
    builders.webhooks.endpoint(ann)
    run = builders.runs.start(ann, "secret words", is_stored=False, given={"context": FIX, "assistant": helper})

    ended(run, Sourced(notes=NO_MATCH, intents=(ORDER,)))

    assert types(run) == ["run.completed", "knowledge.no_match", "intent.satisfied"]
    assert all(event["data"]["conversation"] is None for event in findings(run))
    assert all((event["visitorId"], event["contact_id"]) == (None, None) for event in findings(run))
    assert not any("secret" in (event.payload or "") for event in Event.objects.all())
