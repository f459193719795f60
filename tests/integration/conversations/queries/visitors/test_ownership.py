"""Whose a conversation and a run are, for client tokens: also while what was merged is still being moved."""

import pytest
from django.db import connection

from conversations.models import Account, Dialogue, Run, Visitor
from conversations.queries.visitors import ownership
from conversations.services.runs.accept import AcceptedRun
from conversations.services.visitors import removal
from conversations.values.assistants import AssistantUsed
from tests import builders, plans
from tests.builders.factories import AccountFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

MANY = 300


@pytest.fixture
def helper(ann: Account) -> AssistantUsed:
    return builders.visitors.assistant(ann)


def owns(account: Account, external_id: str, turn: AcceptedRun, *, assistant: str = "") -> bool:
    """The conversation and the run, which are one visitor's or neither."""
    conversation = ownership.has_conversation(
        account_id=account.pk,
        external_id=external_id,
        conversation_id=turn.conversation_id,
        assistant=assistant,
    )
    run = ownership.has_run(account_id=account.pk, external_id=external_id, run_id=turn.public_id, assistant=assistant)
    assert conversation is run
    return run


def test_a_turn_is_its_visitors_and_nobody_elses(ann: Account, helper: AssistantUsed) -> None:
    own, other = builders.visitors.ask(ann, "v1", of=helper), builders.visitors.ask(ann, "v2", of=helper)

    assert (owns(ann, "v1", own), owns(ann, "v2", other)) == (True, True)
    assert (owns(ann, "v2", own), owns(ann, "v1", other), owns(ann, "v3", own), owns(ann, "V1", own)) == (False,) * 4


def test_the_same_visitor_of_another_account_owns_nothing_here(ann: Account, helper: AssistantUsed) -> None:
    bob = AccountFactory.create(name="bob")
    own = builders.visitors.ask(ann, "v1", of=helper)
    builders.visitors.ask(bob, "v1")

    assert not owns(bob, "v1", own)


def test_a_turn_of_no_visitor_is_nobodys(ann: Account) -> None:
    turn = builders.runs.accept(ann, "Hello")

    assert not owns(ann, "v1", turn)


def test_it_may_be_asked_for_one_assistant_alone(ann: Account, helper: AssistantUsed) -> None:
    other = builders.visitors.assistant(ann, name="Other")
    turn = builders.visitors.ask(ann, "v1", of=helper)

    assert owns(ann, "v1", turn, assistant=helper.public_id)
    assert not owns(ann, "v1", turn, assistant=other.public_id)


def test_what_was_merged_is_the_others_before_it_is_moved(ann: Account) -> None:
    turn = builders.visitors.ask(ann, "old")
    builders.visitors.ask(ann, "new")
    found = {name: Visitor.objects.get(identities__external_id=name) for name in ("old", "new")}
    locked = removal.locked(account_id=ann.pk, visitor_ids=[one.public_id for one in found.values()])

    removal.merge(locked[found["old"].public_id], into=locked[found["new"].public_id])

    assert Dialogue.objects.get(conversation__public_id=turn.conversation_id).visitor == found["old"]
    assert (owns(ann, "new", turn), owns(ann, "old", turn)) == (True, True)


def test_nothing_is_left_to_a_visitor_that_was_deleted(ann: Account) -> None:
    turn = builders.visitors.ask(ann, "v1")
    visitor = Visitor.objects.get()

    removal.bury(removal.locked(account_id=ann.pk, visitor_ids=[visitor.public_id])[visitor.public_id])

    assert not owns(ann, "v1", turn)


def test_few_rows_are_read_among_many(ann: Account, helper: AssistantUsed) -> None:
    turns = [builders.visitors.ask(ann, f"v{number}", of=helper) for number in range(MANY)]
    own = turns[MANY // 2]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    assert plans.costly(lambda: owns(ann, f"v{MANY // 2}", own, assistant=helper.public_id), rows_max=20) == {}
    assert Run.objects.count() == MANY
