"""Accounts in the admin."""

from django.test import Client
from django.urls import reverse

from conversations.models import Account
from tests.factories.accounts import AccountFactory, ApiKeyFactory

LIST = reverse("admin:conversations_account_changelist")


def act(desk: Client, action: str, *accounts: Account) -> str:
    chosen = {"action": action, "index": "0", "_selected_action": [account.pk for account in accounts]}
    return desk.post(LIST, chosen, follow=True).content.decode()


def test_makes_an_account(desk: Client) -> None:
    response = desk.post(reverse("admin:conversations_account_add"), {"name": "Acme"})

    account = Account.objects.get()
    assert response.status_code == 302
    assert (account.name, account.is_active) == ("Acme", True)


def test_refuses_a_name_that_is_taken(desk: Client) -> None:
    AccountFactory.create(name="Acme")

    response = desk.post(reverse("admin:conversations_account_add"), {"name": "Acme"})

    assert response.status_code == 200
    assert Account.objects.count() == 1


def test_disables_and_counts_only_what_changed(desk: Client) -> None:
    active, disabled, other = AccountFactory.create(), AccountFactory.create(is_active=False), AccountFactory.create()

    shown = act(desk, "disable", active, disabled)

    assert "Accounts disabled: 1." in shown
    assert list(Account.objects.filter(is_active=True)) == [other]


def test_enables(desk: Client) -> None:
    account = AccountFactory.create(is_active=False)

    shown = act(desk, "enable", account)

    assert "Accounts enabled: 1." in shown
    assert Account.objects.get().is_active


def test_counts_the_keys_that_work(desk: Client) -> None:
    account = AccountFactory.create()
    ApiKeyFactory.create_batch(3, account=account)
    ApiKeyFactory.create(account=account, revoked_at="2026-01-01T00:00Z")

    rows = desk.get(LIST).context["cl"].result_list

    assert [row.working for row in rows] == [3]


def test_offers_accounts_by_name_to_forms_and_filters(desk: Client) -> None:
    AccountFactory.create(name="Acme")
    AccountFactory.create(name="Other")
    asked = {"app_label": "conversations", "model_name": "conversation", "field_name": "account", "term": "acm"}

    found = desk.get(reverse("admin:autocomplete"), asked).json()

    assert [result["text"] for result in found["results"]] == ["Acme"]
