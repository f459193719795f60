"""The account's visitor secret in the admin: it needs a permission and a click, and is only in that response."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from conversations.models import Account, VisitorSecret
from conversations.services.accounts import visitor_secrets
from tests.builders.factories import AccountFactory


@pytest.fixture
def account(db: None) -> Account:
    return AccountFactory.create()


def page(account: Account) -> str:
    return reverse("admin:conversations_account_visitor_secret", args=[account.pk])


def secrets_in(html: bytes) -> list[str]:
    return re.findall(r"vsec_[\w-]{40,}", html.decode())


def logged() -> list[str]:
    return [entry.change_message for entry in LogEntry.objects.order_by("pk")]


def test_asks_before_it_shows_or_makes_anything(admin_client: Client, account: Account) -> None:
    asked = [admin_client.get(page(account)), admin_client.post(page(account), {"wanted": "everything"})]

    assert [(response.status_code, secrets_in(response.content)) for response in asked] == [(200, [])] * 2
    assert not VisitorSecret.objects.exists()
    assert logged() == []


def test_shows_the_secret_on_request_and_logs_it(admin_client: Client, account: Account) -> None:
    secret = visitor_secrets.current(account_id=account.pk)

    shown = admin_client.post(page(account), {"wanted": "show"})

    assert secrets_in(shown.content) == [secret]
    assert "no-store" in shown["Cache-Control"]
    assert logged() == ["Looked at the visitor secret."]


def test_rotates_it_and_says_until_when_the_old_one_is_taken(admin_client: Client, account: Account) -> None:
    old = visitor_secrets.current(account_id=account.pk)

    shown = admin_client.post(page(account), {"wanted": "rotate"})

    assert secrets_in(shown.content) == [visitor_secrets.current(account_id=account.pk)] != [old]
    assert logged() == ["Rotated the visitor secret."]
    assert "tokens of the previous one are taken until" in admin_client.get(page(account)).content.decode()


def test_replaces_it_at_once(admin_client: Client, account: Account) -> None:
    visitor_secrets.current(account_id=account.pk)

    shown = admin_client.post(page(account), {"wanted": "replace"})

    assert secrets_in(shown.content) == [visitor_secrets.current(account_id=account.pk)]
    assert VisitorSecret.objects.count() == 1


def test_says_when_it_cannot_be_read(admin_client: Client, account: Account) -> None:
    VisitorSecret.objects.create(account=account, encrypted="of another key")

    shown = admin_client.post(page(account), {"wanted": "show"}, follow=True)

    assert secrets_in(shown.content) == []
    assert "encrypted with a SECRET_KEY that is no longer known" in shown.content.decode()


def test_makes_none_for_an_account_that_was_erased(admin_client: Client, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(erased_at="2026-01-01T00:00:00Z", is_active=False)

    for wanted in ("show", "rotate", "replace"):
        shown = admin_client.post(page(account), {"wanted": wanted}, follow=True)
        assert "The account was erased." in shown.content.decode()
    assert not VisitorSecret.objects.exists()


def test_refuses_a_viewer(client: Client, account: Account) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_account"))
    client.force_login(viewer)
    words = ("show", "rotate", "replace")

    refused = [client.get(page(account)), *(client.post(page(account), {"wanted": word}) for word in words)]

    assert [response.status_code for response in refused] == [403] * 4
    assert not VisitorSecret.objects.exists()
