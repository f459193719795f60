"""The order of locks: a delivery before its attempts, whoever empties or deletes them."""

from collections.abc import Callable

import pytest
from django.db import transaction
from django.db.models.functions import Now

from conversations.models import Delivery, DeliveryAttempt, Erasure, Run
from conversations.services.erasures import content, reports
from conversations.services.retention import deletions
from tests import builders
from tests.builders.factories import AccountFactory, DeliveryAttemptFactory

pytestmark = pytest.mark.django_db(transaction=True)

Act = Callable[[Delivery], object]
ACTS: dict[str, Act] = {
    "emptied": lambda delivery: content.empty_deliveries([delivery.pk]),
    "erased with its account": lambda delivery: reports.delete_deliveries(Erasure(account_id=delivery.account_id)),
    "deleted with its run": lambda delivery: deletions.unstored_runs([Run.objects.get().pk]),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_who_waits_for_a_delivery_has_locked_none_of_its_attempts(act: Act) -> None:
    """Or who holds the delivery, as retention does, would wait for the attempt: in a circle."""
    run = builders.runs.answered(AccountFactory.create(), is_stored=False)
    builders.usage.note_counted()
    builders.webhooks.callback(run)
    Delivery.objects.update(status="succeeded", finished_at=Now())
    delivery = DeliveryAttemptFactory.create(delivery=Delivery.objects.get(), response="ok").delivery

    with builders.locks.waited_for(
        lambda: Delivery.objects.select_for_update().get(pk=delivery.pk), by=transaction.atomic(lambda: act(delivery))
    ):
        assert DeliveryAttempt.objects.select_for_update(nowait=True).get().response == "ok"

    assert not DeliveryAttempt.objects.exclude(response="").exists()
