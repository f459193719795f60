"""How many deliveries of an account may be pending at once, and what becomes of more."""

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from conversations import errors
from conversations.models import Account, Delivery, Event
from conversations.services.webhooks import deliveries, pending_limit
from tests import builders
from tests.builders.factories import AccountFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(ann: Account, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Account:
    """May have three pending deliveries."""
    settings.MAX_PENDING_DELIVERIES = 3
    monkeypatch.setattr(pending_limit, "COUNT_SECONDS", 0.0)
    return ann


def statuses() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("status", flat=True))


def test_what_is_too_much_is_recorded_as_failed_and_its_event_is_kept(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    for _ in range(5):
        builders.webhooks.record(ann)

    assert statuses() == ["pending"] * 3 + ["failed"] * 2
    assert Delivery.objects.filter(status="failed", finished_at=None).count() == 0
    assert Event.objects.count() == 5
    assert [len(builders.webhooks.claim()), Delivery.objects.filter(attempts_made=0).count()] == [3, 2]


def test_a_run_ends_although_its_callback_is_too_much(ann: Account) -> None:
    builders.webhooks.endpoint(ann, event_types=["run.failed"])
    for number in range(4):
        builders.webhooks.callback(
            builders.runs.answered(ann, conversation_id=f"thread {number}"), body='{"success":true}'
        )

    assert statuses() == ["pending"] * 3 + ["failed"]
    assert Delivery.objects.filter(body='{"success":true}').count() == 4


def test_one_accounts_pending_deliveries_do_not_count_for_another(ann: Account) -> None:
    bob = AccountFactory.create(name="bob")
    builders.webhooks.endpoint(ann)
    for _ in range(4):
        builders.webhooks.record(ann)

    assert builders.webhooks.delivery(bob).status == "pending"


def test_what_was_too_much_can_be_replayed_later(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    for _ in range(4):
        builders.webhooks.record(ann)
    lost = Delivery.objects.get(status="failed")
    with pytest.raises(errors.RateLimited, match="pending already"):
        deliveries.replay(account_id=ann.pk, delivery_id=lost.public_id)
    Delivery.objects.exclude(pk=lost.pk).update(status="succeeded", finished_at=Now())

    replayed = deliveries.replay(account_id=ann.pk, delivery_id=lost.public_id)

    assert (replayed.status, replayed.finished_at) == ("pending", None)


def test_an_account_is_counted_once_in_a_while(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_limit, "COUNT_SECONDS", 3_600.0)
    builders.webhooks.endpoint(ann)

    for _ in range(5):
        builders.webhooks.record(ann)
    Delivery.objects.filter(status="pending").update(status="succeeded", finished_at=Now())
    builders.webhooks.record(ann)

    # The count does not know yet what was sent meanwhile.
    assert statuses() == ["succeeded"] * 3 + ["failed"] * 3


def test_zero_is_no_limit(ann: Account, settings: Settings) -> None:
    settings.MAX_PENDING_DELIVERIES = 0
    builders.webhooks.endpoint(ann)
    for _ in range(5):
        builders.webhooks.record(ann)

    assert statuses() == ["pending"] * 5
