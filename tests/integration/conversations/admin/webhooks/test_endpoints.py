"""Webhook endpoints in the admin: every change is the service's, and a secret is in one answer alone."""

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
from tests.factories.accounts import AccountFactory
from tests.factories.runs import A_MOMENT
from tests.factories.webhooks import DeliveryFactory, WebhookEndpointFactory

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
    return [encryption.open_sealed(row.sealed) for row in SigningSecret.objects.filter(expires_at=None).order_by("pk")]


def is_kept_anywhere(secret: str) -> bool:
    logged = "".join(f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all())
    sessions = str([session.get_decoded() for session in Session.objects.all()])
    return secret in logged + sessions


def test_shows_the_secret_of_a_new_endpoint_exactly_once(desk: Client) -> None:
    account = AccountFactory.create()
    given = {"account": account.pk, "url": URL, "events": ["run.failed", "run.completed"], "description": "ours"}

    first = desk.post(ADD, given, follow=True).content.decode()

    endpoint = WebhookEndpoint.objects.get()
    assert secrets_in(first) == in_force()
    assert (endpoint.account, endpoint.url, endpoint.description) == (account, URL, "ours")
    assert sorted(endpoint.events) == ["run.completed", "run.failed"]
    assert [secrets_in(desk.get(url).content.decode()) for url in (LIST, page(endpoint))] == [[], []]
    assert not any(is_kept_anywhere(secret) for secret in in_force())
    assert not any(secret in cookie.value for secret in in_force() for cookie in desk.cookies.values())
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
def test_refuses_what_the_service_would(desk: Client, wrong: dict[str, object], field: str) -> None:
    given = {"account": AccountFactory.create().pk, "url": URL, "events": ["*"], "description": ""}

    response = desk.post(ADD, given | wrong)

    assert list(response.context["adminform"].form.errors) == [field]
    assert not WebhookEndpoint.objects.exists()


class Noting(tuple[Any, ...]):
    """Allowed ranges that note how deep in transactions an address is judged by them."""

    depths: ClassVar[list[int]] = []

    def __iter__(self) -> Iterator[Any]:
        self.depths.append(len(connection.savepoint_ids))
        return super().__iter__()


def test_looks_a_host_up_before_the_transaction(desk: Client, settings: Settings) -> None:
    account = AccountFactory.create()
    settings.OUTBOUND_ALLOW = Noting(addresses.ranges(["127.0.0.0/8"]))
    Noting.depths.clear()
    outside = len(connection.savepoint_ids)

    desk.post(ADD, {"account": account.pk, "url": URL, "events": ["*"]})
    endpoint = WebhookEndpoint.objects.get()
    desk.post(page(endpoint), {"url": f"{URL}/2", "events": ["*"]})

    endpoint.refresh_from_db()
    assert endpoint.url == f"{URL}/2"
    assert Noting.depths == [outside, outside]


def test_says_when_an_account_has_too_many(desk: Client) -> None:
    account = AccountFactory.create()
    WebhookEndpointFactory.create_batch(16, account=account)

    shown = desk.post(ADD, {"account": account.pk, "url": URL, "events": ["*"]}, follow=True).content.decode()

    assert "An account has at most 16 webhook endpoints." in shown
    assert WebhookEndpoint.objects.count() == 16
    assert not SigningSecret.objects.exists()


def test_changes_through_the_service(desk: Client) -> None:
    endpoint, _ = made()
    delivery = DeliveryFactory.create(endpoint=endpoint, account=endpoint.account)
    given = {"url": "http://127.0.0.1:10/new", "events": ["run.failed"], "description": "new"}

    desk.post(page(endpoint), given)

    endpoint.refresh_from_db()
    delivery.refresh_from_db()
    assert (endpoint.url, endpoint.events, endpoint.description) == ("http://127.0.0.1:10/new", ["run.failed"], "new")
    assert (delivery.url, delivery.receiver) == ("http://127.0.0.1:10/new", "http://127.0.0.1:10")


def test_changes_what_is_told_where_the_url_is_no_longer_allowed(desk: Client, settings: Settings) -> None:
    endpoint, _ = made()
    settings.OUTBOUND_ALLOW = ()

    desk.post(page(endpoint), {"url": URL, "events": ["run.failed"], "description": ""})

    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.events) == (URL, ["run.failed"])


def test_rotates_and_shows_the_new_secrets_in_that_answer_alone(desk: Client) -> None:
    (one, old), (two, _), (deleted, _) = made(), made(), made()
    webhook_endpoints.delete(account_id=deleted.account_id, endpoint_id=deleted.public_id)

    shown = act(desk, "rotate", one, two, deleted)

    assert "Secrets rotated: 2." in shown
    assert sorted(secrets_in(shown)) == sorted(in_force())
    assert old not in shown
    assert SigningSecret.objects.count() == 4
    assert secrets_in(desk.get(LIST).content.decode()) == []
    assert not any(is_kept_anywhere(secret) for secret in in_force())
    assert "The one before signs until" in desk.get(page(one)).content.decode()


@pytest.mark.parametrize("action", ["rotate", "disable", "delete_endpoints"])
def test_asks_first(desk: Client, action: str) -> None:
    endpoint, secret = made()

    shown = act(desk, action, endpoint, is_confirmed=False)

    endpoint.refresh_from_db()
    assert endpoint.public_id in shown
    assert 'name="confirmed"' in shown
    assert (endpoint.disabled_at, endpoint.deleted_at, in_force()) == (None, None, [secret])


def test_asks_on_its_own_page_for_the_lists_action(desk: Client) -> None:
    endpoint, secret = made()

    asked = desk.get(reverse("admin:conversations_webhookendpoint_rotate_this", args=[endpoint.pk])).content.decode()

    assert f'action="{LIST}"' in asked
    assert f'name="_selected_action" value="{endpoint.pk}"' in asked
    assert in_force() == [secret]


def test_disables_and_enables_and_counts_only_what_changed(desk: Client) -> None:
    (one, _), (two, _) = made(), made()
    delivery = DeliveryFactory.create(endpoint=one, account=one.account)

    disabled = act(desk, "disable", one), act(desk, "disable", one, two)
    one.refresh_from_db()
    reason = one.disabled_reason
    enabled = act(desk, "enable", one, two)

    delivery.refresh_from_db()
    assert ["Endpoints disabled: 1." in shown for shown in disabled] == [True, True]
    assert "Endpoints enabled: 2." in enabled
    assert (reason, delivery.status) == ("Disabled by its owner.", "cancelled")
    assert WebhookEndpoint.objects.filter(disabled_at=None).count() == 2


def test_deletes_and_leaves_the_evidence(desk: Client) -> None:
    endpoint, _ = made()
    delivery = DeliveryFactory.create(endpoint=endpoint, account=endpoint.account)

    shown = act(desk, "delete_endpoints", endpoint), act(desk, "delete_endpoints", endpoint)

    assert ["Endpoints deleted: 1." in once for once in shown] == [True, False]
    assert not SigningSecret.objects.exists()
    assert Delivery.objects.get() == delivery
    assert desk.get(page(endpoint)).status_code == 200
    assert desk.post(page(endpoint), {"url": URL, "events": ["*"]}).status_code == 403


@contextmanager
def deleted_meanwhile(endpoint: WebhookEndpoint) -> Iterator[None]:
    """Somebody deletes the endpoint once another one is being worked on."""

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
def test_says_what_somebody_deleted_meanwhile_and_goes_on(desk: Client, action: str, said: str) -> None:
    (gone, _), (kept, _) = made(), made()
    if action == "enable":
        WebhookEndpoint.objects.update(disabled_at=A_MOMENT, disabled_reason="Disabled by its owner.")
    before = SigningSecret.objects.count()

    # The list works on the newest first.
    with deleted_meanwhile(gone):
        shown = act(desk, action, gone, kept)

    assert said in shown
    assert f"Deleted meanwhile, and left as it is: {gone.public_id}." in shown
    assert SigningSecret.objects.filter(endpoint=gone).count() == 1
    assert SigningSecret.objects.count() - before == {"rotate": 1, "delete_endpoints": -1}.get(action, 0)


def test_lists_states_and_the_last_delivery(desk: Client) -> None:
    gone = {"disabled_at": A_MOMENT, "disabled_reason": "The receiver answered 410 Gone."}
    enabled, failing, disabled, deleted = (
        WebhookEndpointFactory.create(**values)
        for values in ({}, {"failing_since": A_MOMENT}, gone, {"deleted_at": A_MOMENT})
    )
    DeliveryFactory.create(endpoint=enabled, account=enabled.account)
    last = DeliveryFactory.create(endpoint=enabled, account=enabled.account, has_failed=True)

    html = desk.get(LIST).content.decode()

    assert "The receiver answered 410 Gone." in html
    assert re.search(rf'<a [^>]*href="/admin/conversations/delivery/{last.pk}/change/">failed ', html)
    of = {"enabled": [failing, enabled], "failing": [failing], "disabled": [disabled], "deleted": [deleted]}
    for state, endpoints in of.items():
        assert list(desk.get(LIST, {"state": state}).context["cl"].result_list) == endpoints


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
