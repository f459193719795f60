"""Turns of one visitor that are accepted at the same instant, and what else happens to it meanwhile."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now

from conversations import errors, ids
from conversations.models import Account, AssistedRun, Conversation, Dialogue, IdempotencyKey, Message, Visitor
from conversations.services import visitor_messages
from conversations.services.erasures import begin
from conversations.services.runs import accept
from conversations.services.runs.accept import AcceptedRun
from conversations.services.visitor_messages import NewMessage
from conversations.services.visitors import turns
from conversations.values.assistants import AssistantUsed
from conversations.values.requests import NewRun, OnBusy, Preconditions
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

AT_ONCE = 6


def ask_at_once(owner: Account, *, of: AssistantUsed) -> list[AcceptedRun]:
    barrier, accepted = Barrier(AT_ONCE), list[AcceptedRun]()

    def ask(number: int) -> None:
        barrier.wait(30)
        accepted.append(builders.visitors.ask(owner, "u1", str(number), of=of))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda number: builders.locks.hung_up(partial(ask, number)), range(AT_ONCE)))
    return accepted


@pytest.mark.parametrize("is_known", [False, True])
def test_first_turns_at_the_same_moment_end_in_one_thread(ann: Account, is_known: bool) -> None:
    helper = builders.visitors.assistant(ann)
    builders.runs.caller(ann)
    if is_known:
        builders.visitors.visitor(ann, "u1")

    accepted = ask_at_once(ann, of=helper)

    assert len(accepted) == AT_ONCE
    assert Visitor.objects.count() == 1
    assert Conversation.objects.count() == 1
    assert {one.conversation_id for one in accepted} == {Dialogue.objects.get().conversation.public_id}
    said = {parts[0]["text"] for parts in Message.objects.values_list("parts", flat=True)}
    assert said == {str(number) for number in range(AT_ONCE)}


def test_a_first_turn_waits_for_one_that_has_just_made_the_visitor(ann: Account) -> None:
    helper = builders.visitors.assistant(ann)
    builders.runs.caller(ann)
    late: list[AcceptedRun] = []

    with builders.locks.waited_for(
        partial(builders.visitors.ask, ann, "u1", of=helper),
        by=lambda: late.append(builders.visitors.ask(ann, "u1", of=helper)),
    ) as first:
        pass

    assert late[0].conversation_id == first.conversation_id
    assert Visitor.objects.count() == 1


def test_a_turn_does_not_wait_for_another_that_has_just_seen_the_visitor(ann: Account) -> None:
    """Some customers have one id for all their visitors; and a turn may wait long for its conversation."""
    builders.visitors.visitor(ann, "everybody")
    builders.runs.caller(ann)

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        builders.visitors.ask(ann, "everybody")
        ask = partial(builders.visitors.ask, ann, "everybody")
        other = pool.submit(builders.locks.hung_up, ask)
        assert other.result(30)

    assert AssistedRun.objects.count() == 2
    assert Visitor.objects.get().last_seen_at is not None


def merge(owner: Account, visitor: Visitor, into: Visitor) -> None:
    begin.merge_visitors(account_id=owner.pk, visitor_id=visitor.public_id, into=into.public_id, requested_by="a test")


def test_a_merge_waits_for_a_turn_and_takes_it_along(ann: Account) -> None:
    helper = builders.visitors.assistant(ann)
    source, target = (builders.visitors.visitor(ann, name) for name in ("a", "b"))
    builders.runs.caller(ann)

    with builders.locks.waited_for(
        partial(builders.visitors.ask, ann, "a", of=helper), by=lambda: merge(ann, source, target)
    ) as asked:
        pass

    assert Visitor.objects.get() == target
    assert builders.visitors.dialogue(asked).visitor == target
    assert AssistedRun.objects.get(pk=asked.pk).visitor == target
    assert builders.visitors.ask(ann, "b", of=helper).conversation_id == asked.conversation_id


def test_a_turn_waits_for_a_merge_and_belongs_to_the_one_that_stays(ann: Account) -> None:
    helper = builders.visitors.assistant(ann)
    source, target = (builders.visitors.visitor(ann, name) for name in ("a", "b"))
    builders.runs.caller(ann)
    late: list[AcceptedRun] = []

    with builders.locks.waited_for(
        lambda: merge(ann, source, target), by=lambda: late.append(builders.visitors.ask(ann, "a", of=helper))
    ):
        pass

    assert Visitor.objects.get() == target
    assert builders.visitors.dialogue(late[0]).visitor == target


def test_a_turn_waits_for_a_deletion_and_is_of_a_new_visitor(ann: Account) -> None:
    helper = builders.visitors.assistant(ann)
    old = builders.visitors.visitor(ann, "a")
    builders.runs.caller(ann)
    late: list[AcceptedRun] = []
    delete = partial(begin.delete_visitor, account_id=ann.pk, visitor_id=old.public_id, requested_by="a test")

    with builders.locks.waited_for(delete, by=lambda: late.append(builders.visitors.ask(ann, "a", of=helper))):
        pass

    new = Visitor.objects.get()
    assert new.pk != old.pk
    assert builders.visitors.dialogue(late[0]).visitor == new


def test_two_merges_that_cross_do_not_lose_a_visitor(ann: Account) -> None:
    first, second = (builders.visitors.visitor(ann, name) for name in ("a", "b"))
    barrier = Barrier(2)
    outcomes: list[str] = []

    def cross(visitor: Visitor, into: Visitor) -> None:
        barrier.wait(30)
        try:
            merge(ann, visitor, into)
        except errors.NotFound:
            outcomes.append("not found")
        else:
            outcomes.append("merged")

    with ThreadPoolExecutor(2) as pool:
        calls = [partial(cross, first, second), partial(cross, second, first)]
        list(pool.map(builders.locks.hung_up, calls))

    assert sorted(outcomes) == ["merged", "not found"]
    assert Visitor.objects.get().identities.count() == 2


def after(monkeypatch: pytest.MonkeyPatch, looked: str, happens: Callable[[], object]) -> None:
    """Once, and on another connection, between a turn's look for its visitor or thread and what it does next."""
    original, is_first = getattr(turns, looked), iter([True])

    def look(*args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        if next(is_first, False):
            with ThreadPoolExecutor(1) as pool:
                pool.submit(builders.locks.hung_up, happens).result(30)
        return found

    monkeypatch.setattr(turns, looked, look)


@pytest.mark.parametrize("is_known", [False, True])
def test_a_thread_that_another_turn_makes_meanwhile_is_busy(
    ann: Account, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    helper = builders.visitors.assistant(ann)
    builders.runs.caller(ann)
    if is_known:
        builders.visitors.visitor(ann, "u1")
    after(monkeypatch, "in_thread", partial(builders.visitors.ask, ann, "u1", of=helper))

    with pytest.raises(errors.ConversationBusy):
        builders.visitors.ask(ann, "u1", of=helper, preconditions=Preconditions(on_busy=OnBusy.REJECT))

    assert AssistedRun.objects.count() == 1


@pytest.mark.parametrize("given", [{"may_make_visitors": False}, {"attributes": {"name": ["none"]}}])
def test_a_visitor_that_may_not_be_made_is_found_where_a_merge_has_moved_it(
    ann: Account, given: dict[str, Any]
) -> None:
    source, target = (builders.visitors.visitor(ann, name) for name in ("a", "b"))
    builders.runs.caller(ann)
    late: list[AcceptedRun] = []

    with builders.locks.waited_for(
        lambda: merge(ann, source, target), by=lambda: late.append(builders.visitors.ask(ann, "a", **given))
    ):
        pass

    assert AssistedRun.objects.get(pk=late[0].pk).visitor == target


def test_a_turn_that_others_always_come_before_is_sent_again_later(
    ann: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = builders.visitors.assistant(ann)
    builders.runs.caller(ann)
    monkeypatch.setattr(accept, "TRIES", 1)
    refused: list[errors.ServiceUnavailable] = []

    def ask() -> None:
        with pytest.raises(errors.ServiceUnavailable) as raised:
            builders.visitors.ask(ann, "u1", of=helper, preconditions=Preconditions("k", b"h" * 32))
        refused.append(raised.value)

    with builders.locks.waited_for(partial(builders.visitors.ask, ann, "u1", of=helper), by=ask) as first:
        pass

    assert refused[0].retry_after == accept.RETRY_SECONDS
    assert AssistedRun.objects.get().pk == first.pk
    assert not IdempotencyKey.objects.exists()


def test_a_message_waits_for_a_first_turn_and_finds_its_thread(ann: Account) -> None:
    helper = builders.visitors.assistant(ann)
    visitor = builders.visitors.visitor(ann, "u1")
    # So the turn does not write its row.
    Visitor.objects.update(last_seen_at=Now())
    caller = builders.runs.caller(ann)
    busy: list[errors.ConversationBusy] = []

    def send() -> None:
        message = NewMessage(visitor.public_id, helper, "客服在此", dialect="yuju")
        run = NewRun(ids.new_run_id(), channel="", trace_id=uuid.uuid4(), context_window=0, is_streamed=False)
        with pytest.raises(errors.ConversationBusy) as raised:
            visitor_messages.send(message, Preconditions(), caller=caller, run=run)
        busy.append(raised.value)

    with builders.locks.waited_for(partial(builders.visitors.ask, ann, "u1", of=helper), by=send) as first:
        pass

    assert busy[0].details["run_id"] == first.public_id
    assert Conversation.objects.count() == 1
