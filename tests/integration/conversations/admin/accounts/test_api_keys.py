"""API keys in the admin: a secret is shown once, a hash never."""

import re

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
