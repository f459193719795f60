"""However a run ends, endpoints and callbacks are notified in the transaction that ends it, or not at all."""

import uuid
from dataclasses import replace
from typing import Any

import orjson
import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from conversations import errors
from conversations.models import Account, Delivery, Event, Run, Task
from conversations.relay.recover import RecoveredLog
from conversations.services.runs import cancel, finish, readers, sql, tasks
from conversations.values.requests import NewTask
from conversations.values.runs import RunEnded, RunStatus
from conversations.workers import retention, sweep
from providers.messages import Usage
from tests import builders
from tests.builders.factories import AccountFactory
from tests.builders.texts import sources
from tests.integration.conversations import inspection
from tests.integration.conversations.prepared import executed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback_receivers")]

CALLBACK_URL = "http://127.0.0.1:9/callback"


def reported() -> list[tuple[str, int]]:
    return list(Event.objects.order_by("pk").values_list("type", "sequence"))


def data() -> Any:
    return orjson.loads(Event.objects.latest("pk").payload or "")["data"]


def test_a_new_conversation_and_the_ends_of_its_runs_are_reported_in_order(ann: Account) -> None:
    builders.webhooks.endpoint(ann)

    run = builders.runs.answered(ann, answer="Hi 你好.", conversation_id="thread")
    builders.runs.answered(ann, conversation_id="thread")

    assert reported() == [("conversation.created", 1), ("run.completed", 2), ("run.completed", 3)]
    created, completed, _ = (orjson.loads(event.payload or "") for event in Event.objects.order_by("pk"))
    assert created["data"]["id"] == "thread"
    assert created["data"]["object"] == "conversation"
    assert (
        completed["data"]
        | {
            "id": run.public_id,
            "status": "completed",
            "conversation": "thread",
            "answer": "Hi 你好.",
            "answer_url": f"/api/v1/runs/{run.public_id}/stream?format=json",
            "url": f"/api/v1/runs/{run.public_id}",
        }
        == completed["data"]
    )
    assert Delivery.objects.filter(status="pending").count() == 3


@pytest.mark.parametrize(("is_known", "tries"), [(True, 1), (False, 2)])
def test_what_is_known_to_be_reported_is_written_at_the_first_try(ann: Account, is_known: bool, tries: int) -> None:
    builders.webhooks.endpoint(ann)

    with executed(start=sql.START_STORED) as starts:
        run = builders.runs.start(ann, begins_conversation=True, has_endpoints=is_known)
    claimed = replace(builders.runs.claim(run), needs_report=is_known)
    with executed(finish=sql.FINISH) as ends:
        assert finish.finish(run=claimed, report=builders.runs.report())

    assert (starts, ends) == ({"start": tries}, {"finish": tries})
    assert reported() == [("conversation.created", 1), ("run.completed", 2)]


def test_what_was_known_to_be_reported_and_is_not_any_more_is_written_all_the_same(ann: Account) -> None:
    run = builders.runs.start(ann, begins_conversation=True, has_endpoints=True)
    claimed = replace(builders.runs.claim(run), needs_report=True)

    assert finish.finish(run=claimed, report=builders.runs.report())

    run.refresh_from_db()
    assert run.status == "completed"
    assert reported() == []


def test_a_claim_tells_whether_the_end_will_be_reported(ann: Account) -> None:
    plain = builders.runs.claim(builders.runs.start(ann, conversation_id="plain"))
    task = builders.runs.start(ann, conversation_id="task", task=NewTask(callback_url=CALLBACK_URL))
    called_back = builders.runs.claim(task)
    builders.webhooks.endpoint(ann)
    noted = builders.runs.claim(builders.runs.start(ann, conversation_id="noted"))

    assert [one.needs_report for one in (plain, called_back, noted)] == [False, True, True]


def test_nothing_is_reported_without_an_endpoint_and_no_statement_is_added(ann: Account) -> None:
    builders.runs.answered(ann, conversation_id="thread")
    run = builders.runs.start(ann, conversation_id="thread")
    claimed = builders.runs.claim(run)

    with CaptureQueriesContext(connection) as queries:
        finish.finish(run=claimed, report=builders.runs.report())
        started = builders.runs.start(ann, conversation_id="another")

    assert not any("event" in query["sql"] for query in queries)
    assert not Event.objects.exists()
    assert started.status == "queued"


def test_an_endpoint_made_while_the_run_went_on_gets_its_end(ann: Account) -> None:
    claimed = builders.runs.claim(builders.runs.start(ann))
    builders.webhooks.endpoint(ann)

    assert finish.finish(run=claimed, report=builders.runs.report())

    assert reported() == [("run.completed", 1)]


def test_other_accounts_endpoints_get_nothing(ann: Account) -> None:
    builders.webhooks.endpoint(AccountFactory.create(name="bob"))

    builders.runs.answered(ann)

    assert not Event.objects.exists()


def test_a_failure_says_why(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    claimed = builders.runs.claim(builders.runs.start(ann, is_stored=False))

    finish.finish(run=claimed, report=builders.runs.report("", status=RunStatus.FAILED, code="upstream_failed"))

    assert reported() == [("run.failed", 1)]
    assert data()["error"] == {"code": "chat_error", "message": "upstream_failed"}
    assert (data()["answer"], data()["answer_url"], data()["conversation"]) == (None, None, None)


def test_what_limits_cut_short_is_reported_as_completed_with_its_status(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    claimed = builders.runs.claim(builders.runs.start(ann))

    report = builders.runs.report("half", status=RunStatus.INCOMPLETE, code="deadline_exceeded")
    finish.finish(run=claimed, report=report)

    assert reported()[-1] == ("run.completed", 2)
    assert (data()["status"], data()["answer"]) == ("incomplete", "half")


def test_nothing_of_an_unstored_turn_stays_in_its_event(ann: Account) -> None:
    builders.webhooks.endpoint(ann)

    builders.runs.answered(ann, answer="a secret", is_stored=False)

    assert reported() == [("run.completed", 1)]
    assert "a secret" not in (Event.objects.get().payload or "")


def test_stopping_a_waiting_run_is_reported(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    run = builders.runs.start(ann)

    cancel.cancel_run(run)
    cancel.cancel_run(run)

    assert reported() == [("conversation.created", 1), ("run.cancelled", 2)]


def test_a_run_that_waited_too_long_is_reported(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    run = builders.runs.start(ann)

    assert finish.fail_queued(account_id=ann.pk, run_id=run.pk, error=errors.ConversationBusy())
    assert not finish.fail_queued(account_id=ann.pk, run_id=run.pk, error=errors.ConversationBusy())

    assert reported() == [("conversation.created", 1), ("run.failed", 2)]


def test_a_dead_workers_run_is_reported_when_it_is_ended(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    run = builders.runs.start(ann)
    builders.runs.claim(run)
    run.refresh_from_db()

    ended = RunEnded(RunStatus.FAILED, error_code="internal_error", error_message="lost")
    lost = RecoveredLog(is_published=False, text="", answers=(), call=None, shape=[], length=0)
    assert finish.finish_lost(active=run.active, ended=ended, recovered=lost, worker_name="w")

    assert reported()[-1] == ("run.failed", 2)


def test_an_older_attempt_reports_nothing(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    claimed = builders.runs.claim(builders.runs.start(ann))
    assert finish.finish(run=claimed, report=builders.runs.report())

    assert not finish.finish(run=claimed, report=builders.runs.report("late"))

    assert reported() == [("conversation.created", 1), ("run.completed", 2)]


def test_a_deleted_conversation_is_not_begun_anew_for_the_sake_of_an_event(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    builders.runs.answered(ann, conversation_id="thread")
    builders.erasures.delete_conversation(conversation_id=inspection.conversation(ann).pk)

    with pytest.raises(errors.ConversationDeleted):
        builders.runs.start(ann, conversation_id="thread")

    assert reported() == [("conversation.created", 1), ("run.completed", 2)]
    assert not Event.objects.filter(payload__isnull=False).exists()


def as_task(owner: Account, *, url: str = CALLBACK_URL, **more: Any) -> Task:
    return Task.objects.get(run=builders.runs.accept(owner, task=NewTask(url), **more).pk)


def test_a_callback_is_pending_with_the_whole_answer(ann: Account) -> None:
    task = as_task(ann, conversation_id="thread")
    answer = "很长 " * 20_000

    finish.finish(run=builders.runs.claim(task.run), report=builders.runs.report(answer, usage=Usage(1, 2)))

    delivery = Delivery.objects.get()
    assert (delivery.kind, delivery.url, delivery.run, delivery.endpoint) == ("callback", CALLBACK_URL, task.run, None)
    assert orjson.loads(delivery.body or "") == {
        "status": "succeeded",
        "success": True,
        "task_id": "thread",
        "trace_id": str(task.run.trace_id),
        "id": "thread",
        "conversation_id": "thread",
        "answer": answer,
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        "error": None,
    }
    assert not Event.objects.exists()


def test_a_callback_is_pending_on_failure_too(ann: Account) -> None:
    task = as_task(ann, is_stored=False, conversation_id="unstored")

    finish.finish(
        run=builders.runs.claim(task.run),
        report=builders.runs.report("", status=RunStatus.FAILED, code="upstream_failed"),
    )

    body = orjson.loads(Delivery.objects.get().body or "")
    assert (body["success"], body["status"], body["answer"], body["usage"]) == (False, "failed", "", None)
    assert body["error"] == {"code": "chat_error", "message": "upstream_failed"}
    assert body["conversation_id"] == body["task_id"] == "unstored"


def test_a_task_without_a_url_has_no_callback(ann: Account) -> None:
    task = as_task(ann, url="")

    finish.finish(run=builders.runs.claim(task.run), report=builders.runs.report())

    assert not Delivery.objects.exists()


def test_only_the_first_turn_of_a_conversation_has_its_id_as_a_task(ann: Account) -> None:
    first, second = as_task(ann, conversation_id="thread"), as_task(ann, conversation_id="thread")
    builders.runs.start(ann, conversation_id="other")
    third = as_task(ann, conversation_id="other")

    assert first.public_id == "thread"
    assert str(uuid.UUID(second.public_id)) == second.public_id
    assert str(uuid.UUID(third.public_id)) == third.public_id


def test_two_unstored_turns_under_one_id_are_two_tasks(ann: Account) -> None:
    first = as_task(ann, is_stored=False, conversation_id="mine")
    second = as_task(ann, is_stored=False, conversation_id="mine")

    assert first.public_id == "mine"
    assert str(uuid.UUID(second.public_id)) == second.public_id


def test_an_unstored_turn_is_kept_for_its_task_and_then_erased(ann: Account) -> None:
    task = as_task(ann, is_stored=False, conversation_id="mine")
    finish.finish(run=builders.runs.claim(task.run), report=builders.runs.report("kept"))

    readers.erase_unstored(run_ids=[task.run.pk])
    assert inspection.answer(task.run) == "kept"
    long_ago = builders.webhooks.now() - tasks.TASK_LIFETIME
    Run.objects.filter(pk=task.run.pk).update(
        finished_at=long_ago, forget_after=F("forget_after") - tasks.TASK_LIFETIME
    )
    Task.objects.update(created_at=long_ago)
    retention.delete_old(seconds=60)
    sweep.sweep()

    assert inspection.answer(task.run) is None
    assert not Task.objects.exists()


def test_a_refused_start_leaves_no_task(ann: Account) -> None:
    builders.runs.answered(ann, conversation_id="thread")
    builders.erasures.delete_conversation(conversation_id=inspection.conversation(ann).pk)

    with pytest.raises(errors.ConversationDeleted):
        as_task(ann, conversation_id="thread")

    assert not Task.objects.exists()


@pytest.mark.parametrize("is_stored", [True, False])
def test_an_answer_with_sources_is_reported_with_them_as_far_as_it_is_kept(ann: Account, is_stored: bool) -> None:
    builders.webhooks.endpoint(ann)
    run = builders.runs.start(ann, is_stored=is_stored, task=NewTask(callback_url=CALLBACK_URL))
    report = builders.runs.report(sources.ANSWER)
    report = replace(report, ended=replace(report.ended, sourced=sources.sourced(notes={"search": "off"})))

    assert finish.finish(run=builders.runs.claim(run), report=report)

    said = {name: data().get(name) for name in ("sources", "citations", "notes")}
    called_back = orjson.loads(Delivery.objects.get(endpoint=None).body or "")
    assert [source["number"] for source in called_back["sources"]] == [1, 2, 3]
    assert called_back["notes"] == {"search": "off"}
    if is_stored:
        assert said == {name: called_back[name] for name in said}
    else:
        assert said == {"sources": None, "citations": None, "notes": None}
        assert data()["answer"] is None
