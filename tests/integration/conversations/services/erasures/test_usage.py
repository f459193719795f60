"""What becomes of usage when its account or its conversation is erased."""

import pytest

from conversations.models import Account, Conversation, UsageOfConversation, UsageOfDay
from conversations.services.erasures.advance import advance
from tests import builders
from tests.builders.factories import AccountFactory
from tests.builders.usage import count, ended, report

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture
def ann() -> Account:
    return AccountFactory.create(name="ann")


@pytest.fixture
def bob() -> Account:
    return AccountFactory.create(name="bob")


def used(owner: Account) -> tuple[int, int]:
    """Runs by day, and by conversation."""
    runs = [sum(int(row.sums["runs"]) for row in report(owner, by).rows) for by in ("day", "conversation")]
    return runs[0], runs[1]


def test_a_deleted_conversation_stays_in_the_days_alone(ann: Account) -> None:
    for thread in ("one", "one", "two"):
        ended(ann, conversation_id=thread)
    count()
    one = Conversation.objects.get(public_id="one")

    erasure = builders.erasures.delete_conversation(conversation_id=one.pk)
    if erasure is not None:
        builders.erasures.batches(erasure)

    assert used(ann) == (3, 1)
    assert not UsageOfConversation.objects.filter(conversation=one).exists()


def test_what_ended_before_a_conversation_was_deleted_and_is_counted_after_it_is_in_the_days_alone(
    ann: Account,
) -> None:
    ended(ann, conversation_id="one")
    one = Conversation.objects.get(public_id="one")

    erasure = builders.erasures.delete_conversation(conversation_id=one.pk)
    if erasure is not None:
        builders.erasures.batches(erasure)
    count()

    assert used(ann) == (1, 0)
    assert not UsageOfConversation.objects.exists()


@pytest.mark.parametrize("is_counted_before", [True, False])
def test_an_erased_accounts_usage_goes_and_nobody_elses(ann: Account, bob: Account, is_counted_before: bool) -> None:
    for owner in (ann, bob):
        ended(owner, conversation_id="one")
        ended(owner, is_stored=False)
    if is_counted_before:
        count()

    builders.erasures.batches(builders.erasures.erase_account(ann))
    count()

    assert used(ann) == (0, 0)
    assert used(bob) == (2, 1)
    assert not UsageOfDay.objects.for_account(ann).exists()
    assert not UsageOfConversation.objects.for_account(ann).exists()
    assert advance() is None
