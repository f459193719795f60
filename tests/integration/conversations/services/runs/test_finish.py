"""The end of a run: finished or put back, and what an old attempt cannot do any more."""

from dataclasses import replace
from typing import Any

import pytest

from conversations import errors
from conversations.models import Account, Run, RunAttempt
from conversations.services.runs import finish
from conversations.values.runs import RunStatus
from conversations.workers.runs import history
from conversations.workers.runs.history import HistoryCache
from providers.assembly import Answer
from providers.messages import Message as Said
from providers.messages import Role, TextPart, Usage
from tests import builders
from tests.integration.conversations import inspection

pytestmark = pytest.mark.django_db


def state(run: Run) -> tuple[str, int, int]:
    return inspection.state(run)[:3]


def attempts(run: Run) -> list[tuple[int, str]]:
    return list(RunAttempt.objects.filter(run=run).order_by("number").values_list("number", "outcome"))


def test_finish_moves_the_conversation_on(ann: Account) -> None:
    run = builders.runs.answered(ann, "Hello", "Hi.", preset="Be brief")

    conversation = inspection.conversation(ann)
    assert inspection.thread(ann) == ["Hello", "Hi."]
    assert (conversation.model, conversation.preset_text) == ("gpt-4", "Be brief")
    assert (run.status, run.attempt, run.error_code) == ("completed", 1, "")
    assert run.finished_at is not None
    assert attempts(run) == [(1, "completed")]


def test_finish_keeps_usage_on_run_and_attempt(ann: Account) -> None:
    run = builders.runs.start(ann)

    finish.finish(run=builders.runs.claim(run), report=builders.runs.report(usage=Usage(3, 5)))

    run.refresh_from_db()
    attempt = RunAttempt.objects.get(run=run)
    assert run.usage is not None
    assert (run.usage["prompt_tokens"], run.usage["completion_tokens"], run.usage["source"]) == (3, 5, "reported")
    assert attempt.usage == run.usage
    assert (attempt.upstream_request_id, attempt.upstream_calls, attempt.worker_name) == ("req-1", 1, "w1")


def test_gives_the_vendors_words_about_an_answer_back_with_the_history(ann: Account) -> None:
    run = builders.runs.start(ann, "1")
    said = Answer(0, (TextPart("One", {"v": {"x": 1}}),), "stop", provider_metadata={"v": {"annotations": [1]}})
    finish.finish(run=builders.runs.claim(run), report=replace(builders.runs.report(), answers=(said,)))

    later = builders.runs.claim(builders.runs.start(ann, "2"))

    assert history.read(later, cache=HistoryCache(), now=0.0).messages == (
        Said(Role.USER, (TextPart("1"),)),
        Said(Role.ASSISTANT, (TextPart("One", {"v": {"x": 1}}),), provider_metadata={"v": {"annotations": [1]}}),
    )


def test_a_failed_run_leaves_the_thread_alone(ann: Account) -> None:
    builders.runs.answered(ann, "1", "One")
    failed = builders.runs.start(ann, "2", preset="Other")

    finish.finish(
        run=builders.runs.claim(failed),
        report=builders.runs.report("Tw", status=RunStatus.FAILED, code="upstream_failed"),
    )

    assert inspection.thread(ann) == ["1", "One"]
    assert inspection.conversation(ann).preset_text == ""
    assert inspection.messages(failed) == [("user", "2")]
    assert inspection.answer(failed) == "Tw"


@pytest.mark.parametrize("status", [RunStatus.CANCELLED, RunStatus.INCOMPLETE])
def test_a_run_that_was_stopped_keeps_its_text_in_the_thread(ann: Account, status: RunStatus) -> None:
    run = builders.runs.start(ann, "1")

    finish.finish(run=builders.runs.claim(run), report=builders.runs.report("On", status=status))

    assert inspection.thread(ann) == ["1", "On"]


def test_a_run_without_text_does_not_move_the_thread(ann: Account) -> None:
    builders.runs.answered(ann, "1", "One")
    builders.runs.answered(ann, "2", "")

    assert inspection.thread(ann) == ["1", "One"]


def test_an_older_attempts_end_changes_nothing(ann: Account) -> None:
    run = builders.runs.start(ann)
    old = builders.runs.claim(run)
    assert builders.runs.requeue(run)
    new = builders.runs.claim(run)

    assert not finish.finish(run=old, report=builders.runs.report("Too late"))
    assert not builders.runs.requeue(run)

    assert state(run) == ("in_progress", 2, 1)
    assert attempts(run) == [(1, "lost")]
    assert inspection.messages(run) == [("user", "Hello")]
    assert finish.finish(run=new, report=builders.runs.report("In time"))
    assert not finish.finish(run=old, report=builders.runs.report("Far too late"))
    assert inspection.thread(ann) == ["Hello", "In time"]
    assert attempts(run) == [(1, "lost"), (2, "completed")]


def test_a_second_end_of_the_same_attempt_changes_nothing(ann: Account) -> None:
    run = builders.runs.start(ann)
    claimed = builders.runs.claim(run)
    assert finish.finish(run=claimed, report=builders.runs.report("First"))

    assert not finish.finish(run=claimed, report=builders.runs.report("Second", status=RunStatus.FAILED, code="x"))

    assert state(run) == ("completed", 1, 0)
    assert inspection.thread(ann) == ["Hello", "First"]


@pytest.mark.parametrize("is_lost", [True, False])
def test_requeue_puts_the_run_back_in_the_queue(
    ann: Account, django_capture_on_commit_callbacks: Any, is_lost: bool
) -> None:
    run = builders.runs.start(ann)
    builders.runs.claim(run)

    with django_capture_on_commit_callbacks() as callbacks:
        assert builders.runs.requeue(run, is_lost=is_lost)

    assert state(run) == ("queued", 1, int(is_lost))
    assert (run.active.worker_id, run.active.claimed_at) == (None, None)
    assert attempts(run) == [(1, "lost" if is_lost else "requeued")]
    assert len(callbacks) == 1
    assert builders.runs.claim(run).attempt == 2


def test_requeue_keeps_what_the_attempt_has_cost(ann: Account) -> None:
    run = builders.runs.start(ann)
    builders.runs.claim(run)
    cost = finish.AttemptCost("req-1", 2, Usage(3, 5, source="estimated"))

    builders.runs.requeue(run, is_lost=False, cost=cost)

    attempt = RunAttempt.objects.get(run=run)
    assert (attempt.upstream_request_id, attempt.upstream_calls) == ("req-1", 2)
    assert attempt.usage == {"prompt_tokens": 3, "completion_tokens": 5, "source": "estimated"}
    run.refresh_from_db()
    assert run.usage is None


def test_requeue_of_a_run_that_waits_or_ended_changes_nothing(
    ann: Account, django_capture_on_commit_callbacks: Any
) -> None:
    waiting, done = builders.runs.start(ann, conversation_id="waiting"), builders.runs.answered(ann)

    with django_capture_on_commit_callbacks() as callbacks:
        assert not builders.runs.requeue(waiting, attempt=0)
        assert not builders.runs.requeue(done)

    assert callbacks == []
    assert (state(waiting), state(done)) == (("queued", 0, 0), ("completed", 1, 0))


def test_fail_queued_ends_only_a_run_that_waits(ann: Account) -> None:
    waiting, busy = builders.runs.start(ann, conversation_id="waiting"), builders.runs.start(ann)
    builders.runs.claim(busy)

    assert finish.fail_queued(account_id=ann.pk, run_id=waiting.pk, error=errors.ConversationBusy("Too long."))
    assert not finish.fail_queued(account_id=ann.pk, run_id=busy.pk, error=errors.ConversationBusy())
    assert not finish.fail_queued(account_id=ann.pk, run_id=waiting.pk, error=errors.InternalError())

    assert state(waiting) == ("failed", 0, 0)
    assert (waiting.error_code, waiting.error_message) == ("conversation_busy", "Too long.")
    assert state(busy) == ("in_progress", 1, 0)


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.FAILED])
def test_the_end_of_a_run_wakes_the_next_one_of_its_conversation(
    ann: Account, django_capture_on_commit_callbacks: Any, status: RunStatus
) -> None:
    first = builders.runs.start(ann, "1")
    claimed = builders.runs.claim(first)
    second, third = builders.runs.start(ann, "2"), builders.runs.start(ann, "3")

    with django_capture_on_commit_callbacks() as callbacks:
        finish.finish(
            run=claimed, report=builders.runs.report(status=status, code="x" if status is RunStatus.FAILED else "")
        )

    (wake_up,) = callbacks
    assert wake_up.args[0][0].kwargs == {"account_id": ann.pk, "run_id": second.pk}
    assert third.pk > second.pk
