"""Accepting a request: what is written, who is woken, and that a refused one leaves nothing behind."""

from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from conversations import errors
from conversations.models import Account, ActiveRun, Conversation, Event, IdempotencyKey, Message, Reference, Run, Task
from conversations.services.runs import cancel
from conversations.services.runs.accept import AcceptedRun
from conversations.values.requests import NewTask, OnBusy, Preconditions, ReferenceGiven, ReferenceKind
from tests import builders
from tests.integration.conversations import inspection

pytestmark = pytest.mark.django_db


def test_accept_writes_conversation_message_references_and_run(ann: Account) -> None:
    given = (ReferenceGiven(ReferenceKind.TEXT, "Facts"), ReferenceGiven(ReferenceKind.IMAGE, "https://a/x.png", "x"))

    run = builders.runs.start(ann, "Hello", references=given, preset="Be brief", is_streamed=True)

    assert (run.status, run.active.attempt, run.active.worker_id, run.active.is_streamed) == ("queued", 0, None, True)
    assert run.preset_text == "Be brief"
    assert inspection.messages(run) == [("user", "Hello")]
    assert Message.objects.get(run=run).parent_id is None
    # What was asked is in the message alone.
    assert run.request == {"version": 2, "operation": "chat", "conversation_id": "thread", "links": [1]}
    rows = Reference.objects.filter(run=run).order_by("position").values_list("position", "kind", "content", "name")
    assert list(rows) == [(0, "text", "Facts", ""), (1, "image", "https://a/x.png", "x")]
    conversation = inspection.conversation(ann)
    assert (conversation.head_id, conversation.preset_text, conversation.model) == (None, "", "")
    assert conversation.latest_run_id == run.pk


def test_accept_wakes_a_worker_only_once_everything_is_committed(
    ann: Account, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
        builders.runs.start(ann)
        assert len(callbacks) == 0

    assert len(callbacks) == 1


def test_accept_of_an_unstored_turn_writes_only_the_run(ann: Account) -> None:
    run = builders.runs.start(ann, is_stored=False)

    assert run.conversation_id is None
    assert run.request is not None
    assert run.request["messages"] == [{"role": "user", "parts": [{"type": "text", "text": "Hello"}]}]
    assert not Conversation.objects.exists()
    assert not Message.objects.exists()


def test_accept_in_a_deleted_conversation_writes_nothing(ann: Account) -> None:
    builders.runs.answered(ann)
    Conversation.objects.update(head=None, preset_text="", deleted_at=inspection.conversation(ann).created_at)
    before = (Run.objects.count(), Message.objects.count())

    with pytest.raises(errors.ConversationDeleted):
        builders.runs.start(ann)

    assert (Run.objects.count(), Message.objects.count()) == before


def test_a_used_key_gives_the_earlier_run(ann: Account) -> None:
    preconditions = Preconditions(idempotency_key="k", body_hash=b"h" * 32)
    first = builders.runs.accept(ann, "1", preconditions=preconditions)

    again = builders.runs.accept(ann, "1", preconditions=preconditions)

    assert again == AcceptedRun(pk=first.pk, public_id=first.public_id, is_new=False)
    assert IdempotencyKey.objects.get().run_id == first.pk
    assert Run.objects.get().pk == first.pk


def test_a_used_key_is_refused_with_another_body(ann: Account) -> None:
    builders.runs.accept(ann, preconditions=Preconditions(idempotency_key="k", body_hash=b"1" * 32))

    with pytest.raises(errors.Duplication):
        builders.runs.accept(ann, preconditions=Preconditions(idempotency_key="k", body_hash=b"2" * 32))

    assert Run.objects.count() == 1


def test_a_key_is_taken_together_with_its_task(ann: Account) -> None:
    preconditions = Preconditions(idempotency_key="k", body_hash=b"h" * 32)
    task = NewTask("https://example.com/callback")

    first = builders.runs.accept(ann, preconditions=preconditions, task=task)
    again = builders.runs.accept(ann, preconditions=preconditions, task=task)

    assert again.pk == first.pk
    assert list(Task.objects.values_list("run", "public_id", "callback_url")) == [
        (first.pk, "thread", "https://example.com/callback")
    ]


def test_a_refused_request_leaves_neither_key_nor_task(ann: Account) -> None:
    builders.runs.start(ann)
    preconditions = Preconditions(idempotency_key="k", body_hash=b"h" * 32, on_busy=OnBusy.REJECT)

    with pytest.raises(errors.ConversationBusy):
        builders.runs.accept(ann, preconditions=preconditions, task=NewTask())

    assert (Run.objects.count(), IdempotencyKey.objects.count(), Task.objects.count()) == (1, 0, 0)


def test_a_request_may_replace_those_that_wait(ann: Account) -> None:
    first, second = builders.runs.start(ann, "1"), builders.runs.start(ann, "2")

    third = builders.runs.start(ann, "3", preconditions=Preconditions(on_busy=OnBusy.REPLACE))

    first.refresh_from_db()
    second.refresh_from_db()
    assert [first.status, second.status, third.status] == ["cancelled", "cancelled", "queued"]


def replace_some(owner: Account, waiting: int) -> int:
    """How many statements it takes."""
    for number in range(waiting):
        builders.runs.start(owner, str(number), conversation_id=str(waiting))
    replacing = Preconditions(on_busy=OnBusy.REPLACE)
    with CaptureQueriesContext(connection) as ran:
        builders.runs.accept(owner, "last", conversation_id=str(waiting), preconditions=replacing)
    return len(ran)


def test_a_request_replaces_any_number_as_it_replaces_one(ann: Account) -> None:
    assert replace_some(ann, 200) == replace_some(ann, 1)

    assert ActiveRun.objects.count() == 2
    ended = Run.objects.filter(active=None).values_list("ended_as", "error_code", "attempt", "claimed_at")
    assert set(ended) == {("cancelled", "run_cancelled", 0, None)}
    assert len(ended) == 201


def test_a_request_replaces_no_more_than_can_be_reported_at_once(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    replace_some(ann, cancel.REPORTS_MAX)
    assert Event.objects.filter(type="run.cancelled").count() == cancel.REPORTS_MAX

    with pytest.raises(errors.ConversationBusy, match="51 messages of this conversation wait, of which each"):
        replace_some(ann, cancel.REPORTS_MAX + 1)

    assert ActiveRun.objects.count() == 1 + cancel.REPORTS_MAX + 1
    assert Event.objects.filter(type="run.cancelled").count() == cancel.REPORTS_MAX


@pytest.mark.parametrize("on_busy", [OnBusy.REJECT, OnBusy.REPLACE])
def test_the_questions_that_wait_are_not_read(ann: Account, on_busy: OnBusy) -> None:
    """All at once: thousands may wait, of megabytes each."""
    for question in "12":
        builders.runs.start(ann, question)

    with CaptureQueriesContext(connection) as asked, suppress(errors.ConversationBusy):
        builders.runs.accept(ann, "3", preconditions=Preconditions(on_busy=on_busy))

    lists = [query["sql"] for query in asked.captured_queries if 'FROM "conversations_activerun" INNER' in query["sql"]]
    assert lists
    assert not [sql for sql in lists if '"conversations_run"."request"' in sql]
