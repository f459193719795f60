"""The pages of intents: what somebody wrote is shown as text, and they are deleted by their service."""

import pytest
from django.test import Client
from django.urls import reverse

from conversations.models import Account, Intent
from conversations.services.assistants import intents

pytestmark = pytest.mark.django_db
LIST = "admin:conversations_intent_changelist"


@pytest.fixture
def order(ann: Account) -> Intent:
    given = {"name": "下单", "description": "<i>buys</i>", "examples": ["<b>one</b>", "two"]}
    return intents.create(account_id=ann.pk, given=given)


def test_one_is_found_and_shown_as_text(admin_client: Client, order: Intent) -> None:
    of_list = admin_client.get(reverse(LIST), {"q": order.public_id}).content.decode()
    of_row = admin_client.get(reverse("admin:conversations_intent_change", args=[order.pk])).content.decode()

    assert "下单" in of_list
    assert "&lt;b&gt;one&lt;/b&gt;<br>two" in of_row
    assert "<i>buys</i>" not in of_row


def test_they_are_deleted_once_that_is_confirmed(admin_client: Client, order: Intent) -> None:
    asked = {"action": "delete_intents", "_selected_action": [order.pk]}

    question = admin_client.post(reverse(LIST), asked)
    was_there = Intent.objects.filter(pk=order.pk).exists()
    admin_client.post(reverse(LIST), {**asked, "confirmed": "yes"})

    assert "erased for good" in question.content.decode()
    assert was_there
    assert not Intent.objects.exists()
