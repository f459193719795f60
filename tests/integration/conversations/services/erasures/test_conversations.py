"""A conversation is out of reach at once, and erased in batches; what its runs prove stays."""

from typing import Any

import pytest
import redis
from django.db import connection

from conversations import errors, resources
from conversations.models import Account, Content, Delivery, DeliveryAttempt, Erasure, Message, Reading, Run
from conversations.queries import runs as run_queries
from conversations.queries import tasks as task_queries
from conversations.queries.webhooks import deliveries as delivery_queries
from conversations.queries.webhooks import events as event_queries
from conversations.queries.webhooks.deliveries import DeliveryFilter
from conversations.relay import codec
from conversations.services.erasures import content, remains, tombstones
from conversations.services.erasures.advance import advance
from conversations.services.webhooks import attempts
from conversations.webhooks.sender import Outcome
from tests import builders
from tests.builders.factories import MessageFactory
from tests.fakes import refused_rows
from tests.integration.conversations import inspection
from tests.integration.conversations.services.erasures.conftest import SECRET

pytestmark = pytest.mark.django_db


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def bury(owner: Account, public_id: str) -> Erasure:
    """A tombstone of which nothing is erased yet."""
    pk = inspection.conversation(owner, public_id).pk
    erasure = tombstones.bury_conversation(conversation_id=pk, requested_by="a test")
    assert erasure is not None
    return erasure


def test_nothing_of_it_is_left_and_nothing_of_others_is_lost(talkative: Account) -> None:
    kept = inspection.thread(talkative, f"{SECRET}-2")
    conversation = inspection.conversation(talkative, f"{SECRET}-1")
    assert conversation.title == f"My {SECRET}"

    erasure = builders.erasures.delete_conversation(conversation_id=conversation.pk)

    assert erasure is not None
    assert erasure.finished_at is not None
    assert not any((erasure.left or {"": 1}).values())
    assert (erasure.runs_done, erasure.runs_total) == (15, 15)
    assert erasure.erased["message"] == 9
    assert inspection.thread(talkative, f"{SECRET}-2") == kept
    conversation.refresh_from_db()
    assert (conversation.title, conversation.preset_text, conversation.head) == ("", "", None)
    runs = Run.objects.filter(conversation=conversation)
    assert sorted(run.status for run in runs) == ["completed"] * 4 + ["failed"]
    assert {*runs.values_list("request", "answer", "preset")} == {(None, None, None)}  # type: ignore[comparison-overlap]
    assert {*runs.values_list("error_message", flat=True)} == {""}
    of_it = Delivery.objects.filter(run__in=runs)
    assert set(of_it.values_list("status", "body")) == {("cancelled", None)}
    assert set(of_it.values_list("attempts__response", flat=True)) == {""}


def test_it_is_out_of_reach_before_anything_is_erased(talkative: Account) -> None:
    thread = f"{SECRET}-1"
    run = Run.objects.filter(conversation__public_id=thread, task__isnull=False).get()
    bury(talkative, thread)
    assert run.answer

    with pytest.raises(errors.NotFound):
        run_queries.stored_run(account_id=talkative.pk, run_id=run.public_id)
    with pytest.raises(errors.NotFound):
        run_queries.found_run(account_id=talkative.pk, run_id=run.public_id)
    assert task_queries.find(account_id=talkative.pk, task_id=run.task.public_id) is None
    with pytest.raises(errors.ConversationDeleted):
        builders.runs.start(talkative, conversation_id=thread)
    shown = event_queries.page(account_id=talkative.pk, after=None, conversation_id=thread, event_type=None, limit=100)
    assert shown.rows
    assert {resources.event(event).get("data") for event in shown.rows} == {None}


def test_its_vendors_and_receivers_are_not_quoted_before_they_are_erased(talkative: Account) -> None:
    thread = f"{SECRET}-1"
    failed = Run.objects.get(conversation__public_id=thread, ended_as="failed")
    Delivery.objects.update(attempts_made=1)
    bury(talkative, thread)
    assert SECRET in failed.error_message

    shown = run_queries.for_account(account_id=talkative.pk, run_id=failed.public_id)
    of_it = DeliveryFilter(run_id=failed.public_id)
    (delivery,) = delivery_queries.page(account_id=talkative.pk, filters=of_it, cursor=None, limit=100).rows

    assert SECRET not in str(resources.run(shown)["error"])
    assert [attempt["response"] for attempt in resources.delivery(delivery)["attempts"]] == [""]
    assert [attempt.response for attempt in delivery.attempts.order_by("pk")] == [f"Got {SECRET}"]


@pytest.mark.parametrize("kind", ["callback", "event"])
def test_what_a_receiver_answers_after_the_erasure_is_not_kept(ann: Account, kind: str) -> None:
    if kind == "event":
        builders.webhooks.endpoint(ann)
    run = builders.runs.answered(ann)
    if kind == "callback":
        builders.webhooks.callback(run, body="What was answered")
    sent = builders.webhooks.claim()
    assert sent

    builders.erasures.delete_conversation(conversation_id=inspection.conversation(ann).pk)
    for delivery in sent:
        attempts.record(delivery=delivery, outcome=Outcome(seconds=0.1, http_status=200, excerpt="You said Hello"))

    made = DeliveryAttempt.objects.values_list("delivery__status", "http_status", "response")
    assert list(made) == [("cancelled", 200, "")] * len(sent)


@pytest.mark.parametrize("batches", range(1, 6))
def test_a_process_killed_after_any_batch_is_gone_on_with(talkative: Account, batches: int) -> None:
    """A batch is one transaction: a kill in the middle of one leaves what a kill before it leaves."""
    erasure = bury(talkative, f"{SECRET}-1")
    for _ in range(batches):
        assert advance(erasure_pk=erasure.pk, most=1)

    builders.erasures.batches(erasure)

    assert erasure.finished_at is not None
    assert erasure.erased["message"] == 9
    assert erasure.erased["run"] == 5
    assert not any((erasure.left or {"": 1}).values())
    assert not Message.objects.filter(conversation=erasure.subject_key).exists()


def test_a_question_older_than_its_parent_is_no_obstacle(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of messages that point at each other across batches the parent may go first."""
    builders.runs.answered(ann, "1", "One")
    about = {"conversation": inspection.conversation(ann), "run": Run.objects.get()}
    older = MessageFactory.create(**about)
    newer = MessageFactory.create(**about)
    Message.objects.filter(pk=older.pk).update(parent=newer)
    erasure = bury(ann, "thread")

    monkeypatch.setattr(content, "ROWS", 1)
    builders.erasures.batches(erasure)

    assert erasure.erased["message"] == 4
    assert not Message.objects.exists()


def test_what_came_in_meanwhile_is_found_and_erased_later(ann: Account) -> None:
    builders.runs.answered(ann, "1", "One")
    erasure = bury(ann, "thread")
    while Erasure.objects.get(pk=erasure.pk).step != "remains":
        advance(erasure_pk=erasure.pk, most=1)
    MessageFactory.create(conversation=inspection.conversation(ann), run=Run.objects.get())

    builders.erasures.batches(erasure)

    assert (erasure.finished_at, erasure.step) == (None, "count")
    assert (erasure.left or {})["message"] > 0
    Erasure.objects.filter(pk=erasure.pk).update(due_at=erasure.created_at)
    builders.erasures.batches(erasure)
    assert erasure.finished_at is not None
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("column", "content"),
    [("request", {}), ("answer", {}), ("preset_text", ""), ("error_message", "No."), ("error_facts", {})],
)
def test_each_part_of_a_run_that_is_left_is_found(ann: Account, column: str, content: object) -> None:
    run = builders.runs.answered(ann)
    builders.erasures.delete_conversation(conversation_id=inspection.conversation(ann).pk)
    assert not Run.objects.filter(remains.HAS_CONTENT).exists()

    Run.objects.filter(pk=run.pk).update(**{column: content})

    assert Run.objects.filter(remains.HAS_CONTENT).exists()


def test_erases_the_logs_in_redis_by_one_command(
    ann: Account, valkey: redis.Redis, django_capture_on_commit_callbacks: Any
) -> None:
    """While Redis hangs, each command holds the thread of a request for a second."""
    runs = [builders.runs.answered(ann) for _ in range(3)]
    other = builders.runs.answered(ann, conversation_id="other")
    for one in (*runs, other):
        valkey.set(codec.log_key(one.public_id, 1), "Hi.")
    valkey.config_resetstat()

    with django_capture_on_commit_callbacks(execute=True):
        builders.erasures.delete_conversation(conversation_id=inspection.conversation(ann).pk)

    stats: Any = valkey.info("commandstats")
    assert stats["cmdstat_unlink"]["calls"] == 1
    assert not valkey.exists(*(codec.log_key(run.public_id, 1) for run in runs))
    assert valkey.exists(codec.log_key(other.public_id, 1))


def test_one_that_is_refused_says_so_and_the_others_go_on(ann: Account) -> None:
    builders.runs.answered(ann, conversation_id="a")
    builders.runs.answered(ann, conversation_id="b")
    broken, well = bury(ann, "a"), bury(ann, "b")

    with refused_rows.refusing(execute, "message", "DELETE", when=f"OLD.conversation_id = {broken.subject_key}"):
        while advance() is not None:
            pass

    broken.refresh_from_db()
    well.refresh_from_db()
    assert (well.state, broken.state, broken.error) == ("done", "failing", "DataError 22P05")
    assert Message.objects.filter(conversation=broken.subject_key).count() == 2
    # Later it is tried again.
    Erasure.objects.filter(pk=broken.pk).update(due_at=broken.created_at)
    builders.erasures.batches(broken)
    assert (broken.state, broken.error) == ("done", "")


def test_what_it_has_read_goes_unless_another_conversation_has_read_it(talkative: Account) -> None:
    pk = inspection.conversation(talkative, f"{SECRET}-1").pk
    assert Content.objects.for_account(talkative).count() == 3

    erasure = builders.erasures.delete_conversation(conversation_id=pk)

    assert erasure is not None
    assert (erasure.erased["reading"], erasure.erased["content"]) == (2, 1)
    assert not Reading.objects.filter(conversation=pk).exists()
    left = Content.objects.for_account(talkative).values_list("text", flat=True)
    assert sorted(left) == [f"Of {SECRET}-2", f"{SECRET} of both"]
