"""Intents of an account: how many it may have, and that they go with it."""

import pytest
from pytest_django import Settings

from conversations.errors import QuotaExceeded
from conversations.models import Account, Intent
from conversations.services.assistants import intents
from conversations.services.erasures import remains
from tests import builders

pytestmark = pytest.mark.django_db


def test_an_account_has_so_many_and_no_more(ann: Account, bob: Account, settings: Settings) -> None:
    settings.QUOTAS = {**settings.QUOTAS, "intents": 2}
    first = intents.create(account_id=ann.pk, given={"name": "order"})
    intents.create(account_id=ann.pk, given={"name": "refund"})

    with pytest.raises(QuotaExceeded, match="2"):
        intents.create(account_id=ann.pk, given={"name": "one more"})

    intents.create(account_id=bob.pk, given={"name": "one more"})
    intents.delete(account_id=ann.pk, intent_id=first.public_id)
    intents.create(account_id=ann.pk, given={"name": "one more"})
    assert list(Intent.objects.for_account(ann.pk).order_by("pk").values_list("name", flat=True)) == [
        "refund",
        "one more",
    ]


def test_they_are_erased_with_their_account(ann: Account, bob: Account) -> None:
    intents.create(account_id=ann.pk, given={"name": "order", "examples": ["secret words"]})
    kept = intents.create(account_id=bob.pk, given={"name": "order"})

    erasure = builders.erasures.erase_account(ann)
    before = remains.of_account(erasure)["intent"].count()
    builders.erasures.batches(erasure, most=1_000)

    assert before == 1
    assert erasure.finished_at is not None
    assert list(Intent.objects.all()) == [kept]
