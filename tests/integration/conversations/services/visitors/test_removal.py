"""Visitors that are deleted or merged: what goes, what is moved, and what stays with whom."""

import contextlib
from typing import Any

import orjson
import pytest
import redis
from django.db import connection
from pytest_django import DjangoCaptureOnCommitCallbacks

from conversations import broker, errors
from conversations.models import (
    Account,
    AssistedRun,
    Conversation,
    Dialogue,
    Erasure,
    Event,
    Message,
    Run,
    RunAttempt,
    Tally,
    Visitor,
    VisitorIdentity,
)
from conversations.services.accounts import tallies
from conversations.services.erasures import begin, visitors
from conversations.services.money import usage
from conversations.services.retention import deletions
from conversations.services.runs import cancel, finish
from conversations.values.runs import RunStatus
from tests import builders
from tests.fakes import refused_rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def delete(visitor: Visitor) -> Erasure:
    return begin.delete_visitor(account_id=visitor.account_id, visitor_id=visitor.public_id, requested_by="a test")


def merge(visitor: Visitor, into: Visitor) -> Erasure:
    return begin.merge_visitors(
        account_id=into.account_id, visitor_id=visitor.public_id, into=into.public_id, requested_by="a test"
    )


def named(external_id: str) -> Visitor:
    return Visitor.objects.get(identities__external_id=external_id)


def answered(owner: Account, external_id: str, question: str = "Hello", **more: Any) -> Run:
    return builders.runs.answered(owner, question, **builders.visitors.turn(external_id, **more))


def test_a_deleted_visitor_is_gone_with_its_conversations(ann: Account) -> None:
    helper = builders.visitors.assistant(ann)
    runs = [answered(ann, "u1", of=helper), answered(ann, "u1"), answered(ann, "u2", of=helper)]

    erasure = delete(named("u1"))

    assert erasure.finished_at is not None
    assert list(VisitorIdentity.objects.values_list("external_id", flat=True)) == ["u2"]
    assert list(Visitor.objects.values_list("pk", flat=True)) == [named("u2").pk]
    assert Dialogue.objects.get().visitor == named("u2")
    deleted = [conversation.deleted_at is not None for conversation in Conversation.objects.order_by("pk")]
    assert deleted == [True, True, False]
    of = AssistedRun.objects.order_by("pk").values_list("run", "assistant", "visitor")
    assert list(of) == [
        (runs[0].pk, helper.pk, None),
        (runs[1].pk, None, None),
        (runs[2].pk, helper.pk, named("u2").pk),
    ]
    # All in one transaction, without an erasure for each of them.
    assert Erasure.objects.get() == erasure
    assert {message.run_id for message in Message.objects.all()} == {runs[2].pk}
    assert Run.objects.exclude(request=None).get() == runs[2]
    counts = {name: erasure.erased[name] for name in ("conversation", "dialogue", "run", "message", "assistedrun")}
    assert counts == {"conversation": 2, "dialogue": 2, "run": 2, "message": 4, "assistedrun": 2}
    assert (erasure.runs_done, erasure.runs_total) == (4, 4)


def test_a_long_conversation_of_a_deleted_visitor_is_erased_by_itself(
    ann: Account,
    valkey: redis.Redis,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(visitors._MOST, "messages", 4)
    long = answered(ann, "u1")
    again = {"conversation_id": long.conversation.public_id}  # type: ignore[union-attr] # it is stored
    answered(ann, "u1", **again)
    short = answered(ann, "u1")

    with django_capture_on_commit_callbacks(execute=True):
        assert delete(named("u1")).finished_at is not None

    own = Erasure.objects.get(subject="conversation", finished_at=None)
    assert own.subject_key == long.conversation_id
    assert set(Message.objects.values_list("conversation", flat=True)) == {long.conversation_id}
    assert Conversation.objects.get(runs=short.pk).deleted_at is not None
    # Without waiting for a sweep.
    assert valkey.llen(broker.ERASURES_QUEUE) == 1
    builders.erasures.batches(own)
    assert not Message.objects.exists()


def test_conversations_that_are_refused_stop_no_other(ann: Account) -> None:
    made = [answered(ann, "u1") for _ in range(5)]
    ann.refresh_from_db()
    refused = {"message": made[3].conversation_id, "usageofconversation": made[1].conversation_id}
    assert usage.count_all()

    with contextlib.ExitStack() as stack:
        for table, key in refused.items():
            stack.enter_context(refused_rows.refusing(execute, table, "DELETE", when=f"OLD.conversation_id = {key}"))
        erasure = delete(named("u1"))

    assert (erasure.finished_at, erasure.step, erasure.erased["conversation"]) == (None, "count", 3)
    assert erasure.left == {"dialogue": 2, "assistedrun": 0}
    # Nothing of them is half erased.
    kept = Conversation.objects.filter(deleted_at=None)
    assert set(kept.values_list("pk", flat=True)) == set(refused.values())
    assert Message.objects.count() == 4
    Erasure.objects.filter(pk=erasure.pk).update(due_at=erasure.created_at)
    builders.erasures.batches(erasure)
    assert (erasure.state, erasure.erased["conversation"]) == ("done", 5)
    assert not Message.objects.exists()
    assert not Visitor.objects.exists()


def test_a_deleted_visitor_that_comes_again_is_a_new_one(ann: Account) -> None:
    helper = builders.visitors.assistant(ann)
    first = answered(ann, "u1", of=helper)
    old = named("u1")
    delete(old)

    again = builders.visitors.ask(ann, "u1", of=helper)

    assert named("u1").pk != old.pk
    assert again.conversation_id != first.conversation.public_id  # type: ignore[union-attr] # it is stored


def test_its_active_runs_are_stopped(ann: Account) -> None:
    queued = builders.visitors.ask(ann, "u1")
    running = builders.runs.claim(Run.objects.get(pk=builders.visitors.ask(ann, "u1").pk))

    erasure = delete(named("u1"))

    assert erasure.finished_at is None
    assert Visitor.objects.get().deleted_at is not None
    assert cancel.is_requested(account_id=ann.pk, run_id=running.pk)
    cancelled = builders.runs.report("Tw", status=RunStatus.CANCELLED)
    assert finish.finish(run=running, report=cancelled)
    Erasure.objects.filter(pk=erasure.pk).update(due_at=erasure.created_at)
    builders.erasures.batches(erasure)
    assert Run.objects.get(pk=queued.pk).status == "cancelled"
    assert not Visitor.objects.exists()
    assert not Conversation.objects.filter(deleted_at=None).exists()


def test_a_merged_visitor_has_both_pasts(ann: Account) -> None:
    helper, other = builders.visitors.assistant(ann), builders.visitors.assistant(ann)
    theirs = [answered(ann, "old", of=helper), answered(ann, "old", of=other), answered(ann, "old")]
    mine = answered(ann, "new", of=helper)
    target = named("new")

    erasure = merge(named("old"), target)

    assert erasure.finished_at is not None
    assert named("old") == named("new") == target
    assert Visitor.objects.get() == target
    assert {dialogue.visitor for dialogue in Dialogue.objects.all()} == {target}
    threads = Dialogue.objects.filter(is_thread=True).values_list("assistant", "conversation")
    assert set(threads) == {(helper.pk, mine.conversation_id), (other.pk, theirs[1].conversation_id)}
    assert set(AssistedRun.objects.values_list("visitor", flat=True)) == {target.pk}
    assert Message.objects.count() == 8
    # Both of its names lead to the same thread.
    asked = [builders.visitors.ask(ann, name, of=helper) for name in ("old", "new")]
    assert {one.conversation_id for one in asked} == {mine.conversation.public_id}  # type: ignore[union-attr] # stored


def test_what_the_other_has_wins(ann: Account) -> None:
    source = builders.visitors.visitor(ann, "a", name="A", email="a@example.com", attributes={"x": 1, "y": 1})
    target = builders.visitors.visitor(ann, "b", name="B", attributes={"y": 2})

    merge(source, target)

    target.refresh_from_db()
    assert (target.name, target.email, target.attributes) == ("B", "a@example.com", {"x": 1, "y": 2})


def test_merging_and_deleting_are_reported(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    target, source = (builders.visitors.visitor(ann, name) for name in "ba")

    merge(source, target)
    delete(target)

    events = [orjson.loads(event.payload or "") for event in Event.objects.order_by("pk")]
    assert [(event["event"], event["contact_id"], event["visitorId"]) for event in events] == [
        ("contact_deleted", source.public_id.removeprefix("vis_"), "a"),
        ("contact_updated", target.public_id.removeprefix("vis_"), "b"),
        ("contact_deleted", target.public_id.removeprefix("vis_"), "b"),
    ]
    assert events[0]["data"]["merged_into"] == target.public_id
    assert sorted(events[1]["data"]["external_ids"]) == ["a", "b"]


def test_many_dialogues_are_moved_in_batches_and_follow_where_their_visitor_went(ann: Account) -> None:
    for _ in range(3):
        answered(ann, "a")
    first, second, third = named("a"), *(builders.visitors.visitor(ann, name) for name in "bc")
    moving = begin._merge(account_id=ann.pk, visitor_id=first.public_id, into=second.public_id, requested_by="a test")

    # Before any of them is moved, it goes itself.
    merge(second, third)
    builders.erasures.batches(moving)

    assert {dialogue.visitor_id for dialogue in Dialogue.objects.all()} == {third.pk}
    assert Visitor.objects.get() == third
    assert VisitorIdentity.objects.filter(visitor=third).count() == 3


def test_what_was_merged_into_a_deleted_one_is_deleted_too(ann: Account) -> None:
    answered(ann, "a")
    first, second = named("a"), builders.visitors.visitor(ann, "b")
    moving = begin._merge(account_id=ann.pk, visitor_id=first.public_id, into=second.public_id, requested_by="a test")

    delete(second)
    builders.erasures.batches(moving)

    assert not Visitor.objects.exists()
    assert not Conversation.objects.filter(deleted_at=None).exists()


def test_odd_merges_are_refused_and_change_nothing(ann: Account, bob: Account) -> None:
    own, others = builders.visitors.visitor(ann, "a"), builders.visitors.visitor(bob, "a")
    large, larger = (
        builders.visitors.visitor(ann, name, attributes={name: "x" * 6_000}) for name in ("large", "larger")
    )

    with pytest.raises(errors.InvalidRequest):
        merge(own, own)
    with pytest.raises(errors.NotFound):
        merge(others, own)
    with pytest.raises(errors.InvalidRequest, match="attributes of both"):
        merge(large, larger)

    assert Visitor.objects.filter(deleted_at=None).count() == 4
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("is_counted", [True, False])
def test_a_visitor_is_subtracted_once_it_was_counted(ann: Account, is_counted: bool) -> None:
    kept = builders.visitors.visitor(ann, "kept")
    gone = builders.visitors.visitor(ann, "gone")
    if is_counted:
        tallies.count_at_once()
        ann.refresh_from_db()
        assert ann.visitor_count == 2

    delete(gone)

    tallies.count_at_once()
    ann.refresh_from_db()
    assert ann.visitor_count == 1
    assert Tally.objects.get(name="visitors").counted_to >= kept.pk


def test_an_old_run_that_is_not_stored_goes_with_whose_it_was(ann: Account) -> None:
    helper = builders.visitors.assistant(ann)
    known = builders.visitors.visitor(ann, "u1")
    run = answered(ann, "u1", of=helper, is_stored=False)
    assert AssistedRun.objects.get(pk=run.pk).visitor == known
    RunAttempt.objects.all().delete()

    assert deletions.unstored_runs([run.pk]) == 1

    assert not AssistedRun.objects.exists()
    assert Visitor.objects.get() == known
