"""API keys in the admin: a secret is shown once, a hash never."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations.models import ApiKey
from conversations.services.accounts import api_keys
from tests.builders.factories import AccountFactory, ApiKeyFactory

LIST = reverse("admin:conversations_apikey_changelist")
ADD = reverse("admin:conversations_apikey_add")


def revoke(client: Client, *keys: ApiKey) -> str:
    chosen = {"action": "revoke", "index": "0", "_selected_action": [key.pk for key in keys]}
    return client.post(LIST, chosen, follow=True).content.decode()


def test_shows_a_new_secret_exactly_once(admin_client: Client) -> None:
    account = AccountFactory.create()

    made = admin_client.post(ADD, {"account": account.pk, "name": "laptop"})
    second = admin_client.get(LIST).content.decode()

    [secret] = re.findall(r"sk-[\w-]{20,}", made.content.decode())
    assert (made.status_code, "no-store" in made["Cache-Control"]) == (200, True)
    caller = api_keys.authenticate(secret=secret)
    key = ApiKey.objects.get()
    assert (caller.account_id, caller.api_key_id, key.name) == (account.pk, key.pk, "laptop")
    assert secret not in second
    assert secret not in "".join(f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all())
    assert secret not in "".join(cookie.value for cookie in admin_client.cookies.values())
    assert secret not in repr([session.get_decoded() for session in Session.objects.all()])


def test_never_shows_a_hash(admin_client: Client) -> None:
    key = ApiKeyFactory.create()

    pages = [
        admin_client.get(url).content for url in (LIST, reverse("admin:conversations_apikey_change", args=[key.pk]))
    ]

    assert not any(key.key_hash.hex().encode() in page or b"key_hash" in page for page in pages)


def test_revokes_and_counts_only_what_still_worked(admin_client: Client) -> None:
    working, revoked, other = (
        ApiKeyFactory.create(),
        ApiKeyFactory.create(revoked_at=timezone.now()),
        ApiKeyFactory.create(),
    )

    shown = revoke(admin_client, working, revoked)

    assert "API keys revoked: 1." in shown
    assert list(ApiKey.objects.filter(revoked_at=None)) == [other]


def test_lets_a_viewer_revoke_nothing(client: Client, db: None) -> None:
    key = ApiKeyFactory.create()
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    client.force_login(viewer)

    revoke(client, key)

    assert client.get(LIST).status_code == 200
    assert client.get(ADD).status_code == 403
    key.refresh_from_db()
    assert key.revoked_at is None


def test_filters_by_state(admin_client: Client) -> None:
    working, revoked = ApiKeyFactory.create(), ApiKeyFactory.create(revoked_at=timezone.now())

    assert list(admin_client.get(LIST, {"state": "working"}).context["cl"].result_list) == [working]
    assert list(admin_client.get(LIST, {"state": "revoked"}).context["cl"].result_list) == [revoked]


def change_url(key: ApiKey) -> str:
    return reverse("admin:conversations_apikey_change", args=[key.pk])


def test_makes_a_key_with_scopes_models_limits_and_an_end(admin_client: Client) -> None:
    account = AccountFactory.create()

    admin_client.post(
        ADD,
        {
            "account": account.pk,
            "name": "laptop",
            "scopes": ["openai", "keys"],
            "model_patterns": "gpt-*\r\necho\r\n",
            "requests_per_minute": "30",
            "concurrent_runs": "0",
            "expires_at_0": "2040-01-01",
            "expires_at_1": "00:00:00",
        },
    )

    key = ApiKey.objects.get()
    assert (key.scopes, key.model_patterns) == (["openai", "keys"], ["gpt-*", "echo"])
    assert (key.requests_per_minute, key.tokens_per_minute, key.concurrent_runs) == (30, None, 0)
    assert key.expires_at == datetime(2040, 1, 1, tzinfo=UTC)


def test_changes_what_a_key_may_do_and_neither_account_nor_secret(admin_client: Client) -> None:
    key = ApiKeyFactory.create(scopes=["openai"], model_patterns=["gpt-*"], concurrent_runs=5)
    before = (key.account_id, bytes(key.key_hash), key.prefix, key.public_id)

    admin_client.post(
        change_url(key),
        {
            "account": AccountFactory.create().pk,
            "name": "till",
            "is_operator": "on",
            "scopes": ["aichat"],
            "model_patterns": "",
        },
    )

    key.refresh_from_db()
    assert (key.name, key.scopes, key.model_patterns, key.concurrent_runs) == ("till", ["aichat"], [], None)
    assert (key.account_id, bytes(key.key_hash), key.prefix, key.public_id) == before
    assert key.is_operator is False


def test_a_bad_pattern_is_told_beside_its_field(admin_client: Client) -> None:
    key = ApiKeyFactory.create()

    answer = admin_client.post(change_url(key), {"name": "till", "model_patterns": "x" * 201})

    assert answer.status_code == 200
    assert "models.0 must be 1 to 200 visible ASCII characters" in answer.content.decode()
    key.refresh_from_db()
    assert key.model_patterns == []


def rotate(client: Client, *keys: ApiKey) -> str:
    chosen = {"action": "rotate", "index": "0", "_selected_action": [key.pk for key in keys], "confirmed": "yes"}
    return client.post(LIST, chosen).content.decode()


def test_asks_before_it_rotates(admin_client: Client) -> None:
    key = ApiKeyFactory.create()

    admin_client.post(LIST, {"action": "rotate", "index": "0", "_selected_action": [key.pk]})

    assert ApiKey.objects.count() == 1


def test_rotates_and_shows_the_successors_secret_once(admin_client: Client) -> None:
    key = ApiKeyFactory.create(name="till", scopes=["openai"])

    shown = rotate(admin_client, key)

    [secret] = re.findall(r"sk-[\w-]{20,}", shown)
    successor = api_keys.find(secret=secret)
    key.refresh_from_db()
    assert (successor.name, successor.scopes, successor.expires_at) == ("till", ["openai"], None)
    assert key.expires_at is not None
    assert secret not in admin_client.get(LIST).content.decode()


@pytest.mark.parametrize("is_superuser", [False, True])
def test_only_a_superuser_gets_the_successor_of_an_operators_key(client: Client, db: None, is_superuser: bool) -> None:
    key = ApiKeyFactory.create(is_operator=True)
    user = User.objects.create_user("staff", is_staff=True, is_superuser=is_superuser)
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_apikey", "change_apikey"]))
    client.force_login(user)

    rotate(client, key)

    assert ApiKey.objects.filter(is_operator=True).count() == 1 + is_superuser


def test_an_expired_key_is_shown_so(admin_client: Client) -> None:
    working, expired = ApiKeyFactory.create(), ApiKeyFactory.create(expires_at=datetime(2020, 1, 1, tzinfo=UTC))

    assert list(admin_client.get(LIST, {"state": "working"}).context["cl"].result_list) == [working]
    assert list(admin_client.get(LIST, {"state": "expired"}).context["cl"].result_list) == [expired]


def test_shows_the_secrets_of_those_that_were_rotated_beside_one_that_could_not_be(admin_client: Client) -> None:
    working, revoked = ApiKeyFactory.create(), ApiKeyFactory.create(prefix="sk-lost", revoked_at=timezone.now())

    shown = rotate(admin_client, working, revoked)

    assert len(re.findall(r"sk-[\w-]{20,}", shown)) == 1
    assert "sk-lost…: The key does not work any more." in shown
    assert ApiKey.objects.count() == 3
