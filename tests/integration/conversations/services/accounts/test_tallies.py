"""Conversations and idempotency keys are counted into their accounts' rows, batch by batch."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from conversations.models import Account, Conversation, IdempotencyKey, Tally
from conversations.services.accounts import tallies
from conversations.services.runs.idempotency import KEY_LIFETIME
from conversations.workers import retention
from tests import builders
from tests.integration.conversations.conftest import Sweep

pytestmark = pytest.mark.django_db


def begin(account: Account, number: int, *, first: int = 0) -> list[Conversation]:
    made = [Conversation(account=account, public_id=f"c{first + each}") for each in range(number)]
    return Conversation.objects.bulk_create(made)


def settle() -> None:
    """Makes the rows seen by the last sweep old enough to be counted."""
    Tally.objects.update(seen_at=Now() - tallies.SETTLED_AFTER)


def round_of() -> list[tuple[str, int, int]]:
    settle()
    tallies.count()
    found = Account.objects.order_by("name")
    return [(one.name, one.conversation_count, one.idempotency_key_count) for one in found]


def test_counts_each_accounts_once_they_have_settled(ann: Account, bob: Account) -> None:
    begin(ann, 3)
    begin(bob, 2)
    tallies.count()
    assert round_of() == [("ann", 0, 0), ("bob", 0, 0)]

    assert round_of() == [("ann", 3, 0), ("bob", 2, 0)]
    assert round_of() == [("ann", 3, 0), ("bob", 2, 0)]


def test_what_may_not_have_settled_is_left_for_later(ann: Account) -> None:
    begin(ann, 3)
    tallies.count()
    round_of()

    tallies.count()

    assert Account.objects.get().conversation_count == 0


def test_goes_on_from_where_it_was(ann: Account) -> None:
    begin(ann, 3)
    tallies.count()
    round_of()
    round_of()
    begin(ann, 2, first=10)
    round_of()

    assert round_of() == [("ann", 5, 0)]


def test_counts_so_many_in_a_round_and_no_more(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "BATCH_ROWS", 2)
    begin(ann, 5)
    tallies.count()
    round_of()

    assert [round_of() for _ in range(4)] == [[("ann", kept, 0)] for kept in (2, 4, 5, 5)]


def test_all_are_counted_at_once_however_young_and_none_again(ann: Account, bob: Account) -> None:
    begin(ann, 3)
    tallies.count()
    round_of()
    begin(bob, 2)

    tallies.count_at_once()
    tallies.count_at_once()

    found = dict(Account.objects.values_list("name", "conversation_count"))
    assert found == {"ann": 3, "bob": 2}
    assert round_of() == round_of() == [("ann", 3, 0), ("bob", 2, 0)]


@pytest.mark.parametrize("is_counted", [True, False])
def test_a_deleted_one_is_taken_off_before_it_is_counted_or_after(ann: Account, is_counted: bool) -> None:
    made = begin(ann, 3)
    tallies.count()
    round_of()
    if is_counted:
        round_of()

    assert builders.erasures.delete_conversation(conversation_id=made[0].pk)
    assert not builders.erasures.delete_conversation(conversation_id=made[0].pk)

    round_of()
    assert round_of() == [("ann", 2, 0)]


def test_idempotency_keys_are_counted_and_taken_off_when_they_expire(ann: Account, bob: Account) -> None:
    for account, number in ((ann, 3), (bob, 2)):
        for each in range(number):
            IdempotencyKey.objects.create(account=account, key=f"k{each}", body_hash=b"h")
    tallies.count()
    round_of()
    assert round_of() == [("ann", 0, 3), ("bob", 0, 2)]
    IdempotencyKey.objects.filter(key="k0").update(created_at=Now() - KEY_LIFETIME - timedelta(seconds=1))

    assert retention.delete_old(seconds=60)

    assert round_of() == [("ann", 0, 2), ("bob", 0, 1)]
    assert IdempotencyKey.objects.count() == 3


def test_a_key_that_was_taken_again_meanwhile_stays(ann: Account) -> None:
    key = IdempotencyKey.objects.create(account=ann, key="k", body_hash=b"h")

    assert tallies.delete_expired_keys(pks=[key.pk], lifetime=KEY_LIFETIME) == 0

    assert IdempotencyKey.objects.get() == key
    assert Account.objects.get().idempotency_key_count == 0


def test_the_sweep_counts(ann: Account, sweep: Sweep) -> None:
    begin(ann, 3)

    for _ in range(3):
        sweep()
        settle()

    assert Account.objects.get().conversation_count == 3
