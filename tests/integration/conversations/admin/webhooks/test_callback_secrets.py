"""The account's callback secret in the admin: it needs a permission and a click, and is only in that response."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from conversations.models import Account, SigningSecret
from conversations.services.webhooks import secrets
from tests.builders.factories import AccountFactory


@pytest.fixture
def account(db: None) -> Account:
    return AccountFactory.create()


def page(account: Account) -> str:
    return reverse("admin:conversations_account_callback_secret", args=[account.pk])


def secrets_in(html: bytes) -> list[str]:
    return re.findall(r"whsec_[\w+/=]{40,}", html.decode())


def logged() -> list[str]:
    return [entry.change_message for entry in LogEntry.objects.order_by("pk")]


def test_asks_before_it_shows_or_makes_anything(admin_client: Client, account: Account) -> None:
    asked = admin_client.get(page(account))

    assert (asked.status_code, secrets_in(asked.content)) == (200, [])
    assert not SigningSecret.objects.exists()
    assert logged() == []


def test_shows_the_secret_on_request_and_logs_it(admin_client: Client, account: Account) -> None:
    secret = secrets.callback_secret(account_id=account.pk)

    shown = admin_client.post(page(account), {"wanted": "show"})

    assert secrets_in(shown.content) == [secret]
    assert "no-store" in shown["Cache-Control"]
    assert logged() == ["Looked at the callback secret."]


def test_rotates_it_and_shows_the_new_one(admin_client: Client, account: Account) -> None:
    old = secrets.callback_secret(account_id=account.pk)

    shown = admin_client.post(page(account), {"wanted": "rotate"})

    new = secrets.callback_secret(account_id=account.pk)
    assert secrets_in(shown.content) == [new] != [old]
    assert logged() == ["Rotated the callback secret."]
    assert "the previous one also signs until" in admin_client.get(page(account)).content.decode()


def test_says_when_it_cannot_be_read(admin_client: Client, account: Account) -> None:
    SigningSecret.objects.create(account=account, encrypted="of another key")

    shown = admin_client.post(page(account), {"wanted": "show"}, follow=True)

    assert secrets_in(shown.content) == []
    assert "encrypted with a SECRET_KEY that is no longer known" in shown.content.decode()


def test_is_on_no_other_page(admin_client: Client, account: Account) -> None:
    secrets.callback_secret(account_id=account.pk)
    list_url = reverse("admin:conversations_account_changelist")

    shown = [admin_client.get(url).content for url in (list_url, f"{list_url}{account.pk}/change/")]

    assert [secrets_in(html) for html in shown] == [[], []]
    assert page(account) in shown[1].decode()


def test_refuses_a_viewer(client: Client, account: Account) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_account"))
    client.force_login(viewer)

    refused = [client.get(page(account)), *(client.post(page(account), {"wanted": it}) for it in ("show", "rotate"))]

    assert [response.status_code for response in refused] == [403, 403, 403]
    assert not SigningSecret.objects.exists()


def test_refuses_a_click_made_elsewhere(account: Account) -> None:
    User.objects.create_superuser("operator", password="x")
    client = Client(enforce_csrf_checks=True)
    client.login(username="operator", password="x")

    assert client.post(page(account), {"wanted": "rotate"}).status_code == 403
    assert not SigningSecret.objects.exists()
