"""Turns of one visitor that are accepted at the same instant, and what else happens to it meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest

from conversations.models import Account, Conversation, Dialogue, Message, Visitor
from conversations.services.runs.accept import AcceptedRun
from conversations.values.assistants import AssistantUsed
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
