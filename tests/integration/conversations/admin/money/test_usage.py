"""Usage in the admin: read-only."""

from datetime import date
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from conversations.models import UsageOfDay
from tests.builders.factories import AccountFactory

pytestmark = pytest.mark.django_db

LIST = reverse("admin:conversations_usageofday_changelist")


def test_shows_what_was_used_and_changes_nothing(admin_client: Client) -> None:
    ann = AccountFactory.create(name="ann")
    row = UsageOfDay.objects.create(
        account=ann, day=date(2026, 3, 1), model="gpt-5", runs=2, input=1_000, output=200, cost=Decimal("0.25")
    )
    page = reverse("admin:conversations_usageofday_change", args=[row.pk])

    listed = admin_client.get(LIST, {"account__id__exact": ann.pk}).content.decode()
    shown = admin_client.get(page).content.decode()

    assert all(text in listed for text in ("gpt-5", "1,200", "0.25 USD"))
    assert "0.25 USD" in shown
    assert admin_client.post(page, {"runs": "5"}).status_code == 403
    assert UsageOfDay.objects.get().runs == 2
