"""Accounts in the admin."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from conversations.models import Account, Erasure
from tests.builders.factories import AccountFactory, ApiKeyFactory

LIST = reverse("admin:conversations_account_changelist")


def act(admin_client: Client, action: str, *accounts: Account) -> str:
    chosen = {"action": action, "index": "0", "_selected_action": [account.pk for account in accounts]}
    return admin_client.post(LIST, chosen, follow=True).content.decode()


def form_of(page: Any) -> dict[str, Any]:
    """What a browser sends for the page: the form's fields, and the number of keys that it lists."""
    forms = [
        page.context["adminform"].form,
        *(one.formset.management_form for one in page.context["inline_admin_formsets"]),
    ]
    return {form.add_prefix(name): form[name] for form in forms for name in form.fields}


def test_makes_an_account(admin_client: Client) -> None:
    response = admin_client.post(reverse("admin:conversations_account_add"), {"name": "Acme"})

    account = Account.objects.get()
    assert response.status_code == 302
    assert (account.name, account.is_active) == ("Acme", True)


def test_refuses_a_name_that_is_taken(admin_client: Client) -> None:
    AccountFactory.create(name="Acme")

    response = admin_client.post(reverse("admin:conversations_account_add"), {"name": "Acme"})

    assert response.status_code == 200
    assert Account.objects.count() == 1


def test_disables_and_counts_only_what_changed(admin_client: Client) -> None:
    active, disabled, other = AccountFactory.create(), AccountFactory.create(is_active=False), AccountFactory.create()

    shown = act(admin_client, "disable", active, disabled)

    assert "Accounts disabled: 1." in shown
    assert list(Account.objects.filter(is_active=True)) == [other]


def test_enables(admin_client: Client) -> None:
    account = AccountFactory.create(is_active=False)

    shown = act(admin_client, "enable", account)

    assert "Accounts enabled: 1." in shown
    assert Account.objects.get().is_active


def test_counts_working_keys(admin_client: Client) -> None:
    account = AccountFactory.create()
    ApiKeyFactory.create_batch(3, account=account)
    ApiKeyFactory.create(account=account, revoked_at="2026-01-01T00:00Z")

    rows = admin_client.get(LIST).context["cl"].result_list

    assert [row.working for row in rows] == [3]


def test_offers_accounts_by_name_to_forms_and_filters(admin_client: Client) -> None:
    AccountFactory.create(name="Acme")
    AccountFactory.create(name="Other")
    asked = {"app_label": "conversations", "model_name": "conversation", "field_name": "account", "term": "acm"}

    found = admin_client.get(reverse("admin:autocomplete"), asked).json()

    assert [result["text"] for result in found["results"]] == ["Acme"]


def test_an_account_is_given_quotas_of_its_own(admin_client: Client) -> None:
    account = AccountFactory.create(name="Acme", conversation_count=7)
    page = reverse("admin:conversations_account_change", args=[account.pk])
    ApiKeyFactory.create_batch(3, account=account)
    shown = admin_client.get(page)
    sent = {name: "" if field.value() is None else field.value() for name, field in form_of(shown).items()}

    response = admin_client.post(page, {**sent, "name": "Other", "conversation_count": "0", "max_conversations": "12"})

    account.refresh_from_db()
    assert response.status_code == 302
    assert "Conversation count" in shown.content.decode()
    assert (account.name, account.max_conversations, account.max_presets) == ("Acme", 12, None)
    assert account.conversation_count == 7


def test_a_quota_that_is_no_number_is_refused(admin_client: Client) -> None:
    account = AccountFactory.create()
    page = reverse("admin:conversations_account_change", args=[account.pk])

    for given in ("-1", "many", "99999999999"):
        assert admin_client.post(page, {"max_conversations": given}).status_code == 200

    account.refresh_from_db()
    assert account.max_conversations is None


def test_a_key_above_the_quota_is_refused(admin_client: Client) -> None:
    account = AccountFactory.create(max_api_keys=0)

    response = admin_client.post(
        reverse("admin:conversations_apikey_add"), {"account": account.pk, "name": "laptop"}, follow=True
    )

    assert "An account has at most 0 API keys." in response.content.decode()
    assert not account.api_keys.exists()


def test_a_preset_above_the_quota_is_refused(admin_client: Client) -> None:
    account = AccountFactory.create(max_presets=0)
    given = {"account": account.pk, "name": "kind", "text": "Be kind.", "model": "", "parameters": "{}"}

    response = admin_client.post(reverse("admin:conversations_preset_add"), given, follow=True)

    assert "An account has at most 0 versions of presets." in response.content.decode()
    assert not account.presets.exists()


def erase(client: Client, *accounts: Account, is_confirmed: bool = True) -> str:
    chosen = {"action": "erase_accounts", "index": "0", "_selected_action": [account.pk for account in accounts]}
    return client.post(LIST, chosen | ({"confirmed": "yes"} if is_confirmed else {}), follow=True).content.decode()


def test_erases_an_account_once_it_is_confirmed(admin_client: Client) -> None:
    account = AccountFactory.create(name="ann")

    asked = erase(admin_client, account, is_confirmed=False)
    assert "Erase everything: 1" in asked
    assert not Erasure.objects.exists()
    shown = erase(admin_client, account)

    account.refresh_from_db()
    assert "Accounts that are being erased: 1." in shown
    assert (account.is_active, account.name) == (False, account.public_id)
    assert Erasure.objects.get().requested_by == "admin admin"
    listed = admin_client.get(reverse("admin:conversations_erasure_changelist")).content.decode()
    assert "0 of ?" in listed
    assert admin_client.get(reverse("admin:conversations_account_erase_this", args=[account.pk])).status_code == 200


@pytest.mark.django_db
def test_lets_who_may_only_change_accounts_erase_none(client: Client) -> None:
    account = AccountFactory.create(name="ann")
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="change_account"))
    client.force_login(clerk)

    erase(client, account)

    assert not Erasure.objects.exists()
    assert client.get(reverse("admin:conversations_account_erase_this", args=[account.pk])).status_code == 403
