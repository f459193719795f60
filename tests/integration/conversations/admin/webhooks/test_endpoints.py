"""Webhook endpoints in the admin: the service makes every change, and a secret is in one response only."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from conversations import encryption
from conversations.models import Account, Delivery, SigningSecret, WebhookEndpoint
from conversations.outbound import addresses
from conversations.outbound.guard import CheckedUrl
from conversations.services.webhooks import endpoints as webhook_endpoints
from tests.builders.factories import A_MOMENT, AccountFactory, DeliveryFactory, WebhookEndpointFactory

LIST = reverse("admin:conversations_webhookendpoint_changelist")
ADD = reverse("admin:conversations_webhookendpoint_add")
URL = "http://127.0.0.1:9/hook"


@pytest.fixture(autouse=True)
def _loopback(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = addresses.ranges(["127.0.0.0/8"])


def made(owner: Account | None = None) -> tuple[WebhookEndpoint, str]:
    owner = owner or AccountFactory.create()
    return webhook_endpoints.create(account_id=owner.pk, url=CheckedUrl(URL), event_types=["*"], description="")


def page(endpoint: WebhookEndpoint) -> str:
    return reverse("admin:conversations_webhookendpoint_change", args=[endpoint.pk])


def act(client: Client, action: str, *endpoints: WebhookEndpoint, is_confirmed: bool = True) -> str:
    chosen = {"action": action, "index": "0", "_selected_action": [endpoint.pk for endpoint in endpoints]}
    return client.post(LIST, chosen | ({"confirmed": "yes"} if is_confirmed else {}), follow=True).content.decode()


def secrets_in(html: str) -> list[str]:
    return re.findall(r"whsec_[\w+/=]{40,}", html)


def in_force() -> list[str]:
    return [encryption.decrypt(row.encrypted) for row in SigningSecret.objects.filter(expires_at=None).order_by("pk")]


def is_kept_anywhere(secret: str) -> bool:
    logged = "".join(f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all())
    sessions = str([session.get_decoded() for session in Session.objects.all()])
    return secret in logged + sessions


def test_shows_the_secret_of_a_new_endpoint_exactly_once(admin_client: Client) -> None:
    account = AccountFactory.create()
    given = {"account": account.pk, "url": URL, "events": ["run.failed", "run.completed"], "description": "ours"}

    first = admin_client.post(ADD, given, follow=True).content.decode()

    endpoint = WebhookEndpoint.objects.get()
    assert secrets_in(first) == in_force()
    assert (endpoint.account, endpoint.url, endpoint.description) == (account, URL, "ours")
    assert sorted(endpoint.events) == ["run.completed", "run.failed"]
    assert [secrets_in(admin_client.get(url).content.decode()) for url in (LIST, page(endpoint))] == [[], []]
    assert not any(is_kept_anywhere(secret) for secret in in_force())
    assert not any(secret in cookie.value for secret in in_force() for cookie in admin_client.cookies.values())
    assert not is_kept_anywhere(in_force()[0])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"url": "http://10.0.0.1/hook"}, "url"),
        ({"url": "ftp://127.0.0.1/"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["run.finished"]}, "events"),
        ({"description": "x" * 501}, "description"),
    ],
)
def test_refuses_what_the_service_would(admin_client: Client, wrong: dict[str, object], field: str) -> None:
    given = {"account": AccountFactory.create().pk, "url": URL, "events": ["*"], "description": ""}

    response = admin_client.post(ADD, given | wrong)

    assert list(response.context["adminform"].form.errors) == [field]
    assert not WebhookEndpoint.objects.exists()


class Noting(tuple[Any, ...]):
    """Allowed ranges that note how many transactions are open when an address is checked."""

    depths: ClassVar[list[int]] = []

    def __iter__(self) -> Iterator[Any]:
        self.depths.append(len(connection.savepoint_ids))
        return super().__iter__()


def test_looks_a_host_up_before_the_transaction(admin_client: Client, settings: Settings) -> None:
    account = AccountFactory.create()
    settings.OUTBOUND_ALLOW = Noting(addresses.ranges(["127.0.0.0/8"]))
    Noting.depths.clear()
    outside = len(connection.savepoint_ids)

    admin_client.post(ADD, {"account": account.pk, "url": URL, "events": ["*"]})
    endpoint = WebhookEndpoint.objects.get()
    admin_client.post(page(endpoint), {"url": f"{URL}/2", "events": ["*"]})

    endpoint.refresh_from_db()
    assert endpoint.url == f"{URL}/2"
    assert Noting.depths == [outside, outside]


def test_says_when_an_account_has_too_many(admin_client: Client) -> None:
    account = AccountFactory.create()
    WebhookEndpointFactory.create_batch(16, account=account)

    shown = admin_client.post(ADD, {"account": account.pk, "url": URL, "events": ["*"]}, follow=True).content.decode()

    assert "An account has at most 16 webhook endpoints." in shown
    assert WebhookEndpoint.objects.count() == 16
    assert not SigningSecret.objects.exists()


def test_changes_through_the_service(admin_client: Client) -> None:
    endpoint, _ = made()
    delivery = DeliveryFactory.create(endpoint=endpoint, account=endpoint.account)
    given = {"url": "http://127.0.0.1:10/new", "events": ["run.failed"], "description": "new"}

    admin_client.post(page(endpoint), given)

    endpoint.refresh_from_db()
    delivery.refresh_from_db()
    assert (endpoint.url, endpoint.events, endpoint.description) == ("http://127.0.0.1:10/new", ["run.failed"], "new")
    assert (delivery.url, delivery.destination) == ("http://127.0.0.1:10/new", "http://127.0.0.1:10")


def test_changes_the_events_where_the_url_is_no_longer_allowed(admin_client: Client, settings: Settings) -> None:
    endpoint, _ = made()
    settings.OUTBOUND_ALLOW = ()

    admin_client.post(page(endpoint), {"url": URL, "events": ["run.failed"], "description": ""})

    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.events) == (URL, ["run.failed"])


def test_rotates_and_shows_the_new_secrets_in_that_answer_alone(admin_client: Client) -> None:
    (one, old), (two, _), (deleted, _) = made(), made(), made()
    webhook_endpoints.delete(account_id=deleted.account_id, endpoint_id=deleted.public_id)

    shown = act(admin_client, "rotate", one, two, deleted)

    assert "Secrets rotated: 2." in shown
    assert sorted(secrets_in(shown)) == sorted(in_force())
    assert old not in shown
    assert SigningSecret.objects.count() == 4
    assert secrets_in(admin_client.get(LIST).content.decode()) == []
    assert not any(is_kept_anywhere(secret) for secret in in_force())
    assert "The previous one signs until" in admin_client.get(page(one)).content.decode()


@pytest.mark.parametrize("action", ["rotate", "disable", "delete_endpoints"])
def test_asks_first(admin_client: Client, action: str) -> None:
    endpoint, secret = made()

    shown = act(admin_client, action, endpoint, is_confirmed=False)

    endpoint.refresh_from_db()
    assert endpoint.public_id in shown
    assert 'name="confirmed"' in shown
    assert (endpoint.disabled_at, endpoint.deleted_at, in_force()) == (None, None, [secret])


def test_asks_on_its_own_page_for_the_lists_action(admin_client: Client) -> None:
    endpoint, secret = made()

    asked = admin_client.get(
        reverse("admin:conversations_webhookendpoint_rotate_this", args=[endpoint.pk])
    ).content.decode()

    assert f'action="{LIST}"' in asked
    assert f'name="_selected_action" value="{endpoint.pk}"' in asked
    assert in_force() == [secret]


def test_disables_and_enables_and_counts_only_what_changed(admin_client: Client) -> None:
    (one, _), (two, _) = made(), made()
    delivery = DeliveryFactory.create(endpoint=one, account=one.account)

    disabled = act(admin_client, "disable", one), act(admin_client, "disable", one, two)
    one.refresh_from_db()
    reason = one.disabled_reason
    enabled = act(admin_client, "enable", one, two)

    delivery.refresh_from_db()
    assert ["Endpoints disabled: 1." in shown for shown in disabled] == [True, True]
    assert "Endpoints enabled: 2." in enabled
    assert (reason, delivery.status) == ("Disabled by its owner.", "cancelled")
    assert WebhookEndpoint.objects.filter(disabled_at=None).count() == 2


def test_deletes_and_leaves_the_evidence(admin_client: Client) -> None:
    endpoint, _ = made()
    delivery = DeliveryFactory.create(endpoint=endpoint, account=endpoint.account)

    shown = act(admin_client, "delete_endpoints", endpoint), act(admin_client, "delete_endpoints", endpoint)

    assert ["Endpoints deleted: 1." in once for once in shown] == [True, False]
    assert not SigningSecret.objects.exists()
    assert Delivery.objects.get() == delivery
    assert admin_client.get(page(endpoint)).status_code == 200
    assert admin_client.post(page(endpoint), {"url": URL, "events": ["*"]}).status_code == 403


@contextmanager
def deleted_meanwhile(endpoint: WebhookEndpoint) -> Iterator[None]:
    """Another request deletes the endpoint while the action works on an earlier one."""

    def run(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        done = execute(sql, *rest)
        if "FOR NO KEY UPDATE" in sql:
            WebhookEndpoint.objects.filter(pk=endpoint.pk).update(deleted_at=A_MOMENT)
        return done

    with connection.execute_wrapper(run):
        yield


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("rotate", "Secrets rotated: 1."),
        ("disable", "Endpoints disabled: 1."),
        ("enable", "Endpoints enabled: 1."),
        ("delete_endpoints", "Endpoints deleted: 1."),
    ],
)
def test_reports_what_was_deleted_meanwhile_and_continues(admin_client: Client, action: str, said: str) -> None:
    (gone, _), (kept, _) = made(), made()
    if action == "enable":
        WebhookEndpoint.objects.update(disabled_at=A_MOMENT, disabled_reason="Disabled by its owner.")
    before = SigningSecret.objects.count()

    # Actions begin with the newest row.
    with deleted_meanwhile(gone):
        shown = act(admin_client, action, gone, kept)

    assert said in shown
    assert f"Deleted meanwhile, and left as it is: {gone.public_id}." in shown
    assert SigningSecret.objects.filter(endpoint=gone).count() == 1
    assert SigningSecret.objects.count() - before == {"rotate": 1, "delete_endpoints": -1}.get(action, 0)


def test_lists_states_and_the_last_delivery(admin_client: Client) -> None:
    gone = {"disabled_at": A_MOMENT, "disabled_reason": "The receiver answered 410 Gone."}
    enabled, failing, disabled, deleted = (
        WebhookEndpointFactory.create(**values)
        for values in ({}, {"failing_since": A_MOMENT}, gone, {"deleted_at": A_MOMENT})
    )
    DeliveryFactory.create(endpoint=enabled, account=enabled.account)
    last = DeliveryFactory.create(endpoint=enabled, account=enabled.account, has_failed=True)

    html = admin_client.get(LIST).content.decode()

    assert "The receiver answered 410 Gone." in html
    assert re.search(rf'<a [^>]*href="/admin/conversations/delivery/{last.pk}/change/">failed ', html)
    of = {"enabled": [failing, enabled], "failing": [failing], "disabled": [disabled], "deleted": [deleted]}
    for state, endpoints in of.items():
        assert list(admin_client.get(LIST, {"state": state}).context["cl"].result_list) == endpoints


@pytest.mark.django_db
def test_lets_a_viewer_change_nothing(client: Client) -> None:
    endpoint, secret = made()
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_webhookendpoint"))
    client.force_login(viewer)

    for action in ("rotate", "disable", "delete_endpoints"):
        act(client, action, endpoint)
    rotation = client.get(reverse("admin:conversations_webhookendpoint_rotate_this", args=[endpoint.pk]))
    edit = client.post(page(endpoint), {"url": URL, "events": ["run.failed"]})

    endpoint.refresh_from_db()
    assert (client.get(LIST).status_code, client.get(page(endpoint)).status_code) == (200, 200)
    assert (client.get(ADD).status_code, rotation.status_code, edit.status_code) == (403, 403, 403)
    assert (endpoint.events, endpoint.disabled_at, endpoint.deleted_at) == (["*"], None, None)
    assert in_force() == [secret]
