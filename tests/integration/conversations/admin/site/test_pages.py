"""Every list and page renders, makes no more queries than expected, and loads nothing from other hosts."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.staticfiles import finders
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from factory.django import DjangoModelFactory
from pytest_django import DjangoAssertNumQueries, Settings

from tests.builders.factories import (
    A_MOMENT,
    AccountFactory,
    ApiKeyFactory,
    AssistantFactory,
    AssistantVersionFactory,
    ConversationFactory,
    DeliveryFactory,
    EventFactory,
    MessageFactory,
    PresetFactory,
    PriceFactory,
    ReferenceFactory,
    RunAttemptFactory,
    RunFactory,
    UpstreamKeyFactory,
    UpstreamTargetFactory,
    VisitorFactory,
    WebhookEndpointFactory,
    WorkerFactory,
)

FACTORIES: dict[str, type[DjangoModelFactory[Any]]] = {
    "account": AccountFactory,
    "apikey": ApiKeyFactory,
    "assistant": AssistantFactory,
    "assistantversion": AssistantVersionFactory,
    "conversation": ConversationFactory,
    "delivery": DeliveryFactory,
    "event": EventFactory,
    "preset": PresetFactory,
    "price": PriceFactory,
    "run": RunFactory,
    "upstreamkey": UpstreamKeyFactory,
    "upstreamtarget": UpstreamTargetFactory,
    "visitor": VisitorFactory,
    "webhookendpoint": WebhookEndpointFactory,
    "worker": WorkerFactory,
}
KINDS = sorted(FACTORIES)
# Changed by a form that a service stands behind; all others are only looked at.
CHANGED = {"account", "apikey", "upstreamkey", "upstreamtarget", "webhookendpoint"}
ROWS = 12
LIST_QUERIES_MAX = 8
PAGE_QUERIES_MAX = 16
LOADED = re.compile(
    r"""<(?:script|link|img|iframe|source|audio|video|embed|object)\b[^>]*?(?:src|href|data)=["']([^"']+)"""
)

CSS_LOADED = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s;]+)""")


def rows(kind: str, count: int) -> list[Model]:
    return [FACTORIES[kind].create() for _ in range(count)]


def list_url(kind: str, app: str = "conversations") -> str:
    return reverse(f"admin:{app}_{kind}_changelist")


def page_url(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


@pytest.mark.parametrize("kind", KINDS)
def test_lists_rows_with_a_bounded_number_of_queries(
    admin_client: Client, kind: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    made = rows(kind, ROWS)

    with django_assert_max_num_queries(LIST_QUERIES_MAX):
        response = admin_client.get(list_url(kind))

    assert response.status_code == 200
    assert response.content.count(b'name="_selected_action"') in (0, len(made))
    assert page_url(made[-1]) in response.content.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_shows_one_row_with_a_bounded_number_of_queries(
    admin_client: Client, kind: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    row = rows(kind, 1)[0]

    with django_assert_max_num_queries(PAGE_QUERIES_MAX):
        response = admin_client.get(page_url(row))

    assert response.status_code == 200
    assert str(row) in response.content.decode()
    assert (b'name="_save"' in response.content) == (kind in CHANGED)


@pytest.mark.parametrize("kind", KINDS)
def test_offers_no_deletion(admin_client: Client, kind: str) -> None:
    row = rows(kind, 1)[0]

    deletion = admin_client.post(reverse(f"admin:conversations_{kind}_delete", args=[row.pk]), {"post": "yes"})

    assert deletion.status_code == 403
    assert type(row)._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("kind", sorted({*KINDS} - CHANGED))
def test_offers_no_edit(admin_client: Client, kind: str) -> None:
    row = rows(kind, 1)[0]

    edit = admin_client.post(page_url(row), {"name": "other"})

    assert edit.status_code == 403


@pytest.mark.parametrize("kind", ["conversation", "delivery", "event", "run", "worker"])
def test_lets_nobody_change_evidence(admin_client: Client, kind: str) -> None:
    response = admin_client.get(reverse(f"admin:conversations_{kind}_add"))

    assert response.status_code == 403


@pytest.mark.parametrize("kind", KINDS)
def test_finds_no_rows_in_an_empty_list(admin_client: Client, kind: str) -> None:
    rows(kind, 1)

    response = admin_client.get(list_url(kind), {"q": "no such thing"})

    assert response.status_code == 200
    assert b"No results found" in response.content


def test_shows_a_run_with_its_attempts_and_references(admin_client: Client) -> None:
    run = RunFactory.create(
        is_failed=True,
        error_message="The vendor said no.",
        preset_text="Be kind.",
        usage={"prompt_tokens": 1200, "completion_tokens": 34, "source": "reported"},
        created_at=A_MOMENT,
        finished_at=A_MOMENT + timedelta(seconds=2.5),
    )
    RunAttemptFactory.create(run=run, outcome="failed", upstream_request_id="req_77")
    ReferenceFactory.create(run=run, content="The sky is blue.")

    shown = admin_client.get(page_url(run)).content.decode()

    facts = ("upstream_failed", "The vendor said no.", "req_77", "The sky is blue.", "Be kind.", "1,200 + 34 tokens")
    assert [fact for fact in facts if fact not in shown] == []
    assert "2026-01-01 12:00:00 UTC accepted<br>" in shown
    assert "+2.50 s ended" in shown


@pytest.mark.parametrize(("woken_at", "shown"), [(A_MOMENT + timedelta(seconds=1), True), (None, False)])
def test_shows_whether_a_queued_run_was_woken_or_is_held(
    admin_client: Client, woken_at: datetime | None, shown: bool
) -> None:
    run = RunFactory.create(created_at=A_MOMENT, active__queued_at=A_MOMENT, active__woken_at=woken_at)

    page = admin_client.get(page_url(run)).content.decode()

    assert ("+1.00 s woken" in page) is shown


def test_loads_nothing_from_elsewhere(admin_client: Client) -> None:
    message = MessageFactory.create(text="![x](https://elsewhere.example/x.png)")
    message.conversation.head = message
    message.conversation.save(update_fields=["head"])
    pages = [reverse("admin:index"), reverse("admin:conversations_apikey_add"), page_url(message.conversation)]

    for url in (*pages, *(list_url(kind) for kind in KINDS)):
        loaded = LOADED.findall(admin_client.get(url).content.decode())

        assert loaded
        assert not [address for address in loaded if "//" in address], url


@pytest.mark.parametrize("page", ["admin:index", "admin:login"])
def test_links_an_icon_that_is_there(admin_client: Client, client: Client, page: str) -> None:
    html = (client if page == "admin:login" else admin_client).get(reverse(page)).content.decode()

    assert '<link rel="icon" href="/static/conversations/favicon.svg" type="image/svg+xml"' in html
    assert finders.find("conversations/favicon.svg")


def test_loads_nothing_from_elsewhere_through_its_stylesheets(admin_client: Client) -> None:
    page = admin_client.get(page_url(ConversationFactory.create())).content.decode()
    sheets = [sheet.removeprefix("/static/") for sheet in LOADED.findall(page) if sheet.endswith(".css")]

    assert "conversations/transcript.css" in sheets
    for sheet in sheets:
        text = Path(str(finders.find(sheet))).read_text()
        assert not [address for address in CSS_LOADED.findall(text) if "//" in address], sheet


@pytest.mark.parametrize(("kind", "model"), [("user", User), ("group", Group)])
def test_manages_users_and_groups(admin_client: Client, kind: str, model: type[Model]) -> None:
    row = model._default_manager.create(**{"username" if kind == "user" else "name": "somebody"})

    assert admin_client.get(list_url(kind, app="auth")).status_code == 200
    assert admin_client.get(page_url(row)).status_code == 200


def test_changes_a_users_password(admin_client: Client) -> None:
    user = User.objects.create_user("somebody", password="before")
    secret = "a-better-one-2718"

    admin_client.post(
        reverse("admin:auth_user_password_change", args=[user.pk]),
        {"password1": secret, "password2": secret, "usable_password": "true"},
    )

    user.refresh_from_db()
    assert user.check_password(secret)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
def test_refuses_users_who_are_not_staff(client: Client, kind: str) -> None:
    row = rows(kind, 1)[0]
    client.force_login(User.objects.create_user("somebody"))

    for url in (list_url(kind), page_url(row)):
        response = client.get(url)

        assert response.status_code == 302
        assert response["Location"].startswith(reverse("admin:login"))


@pytest.mark.django_db
def test_keeps_a_sidebar_of_what_the_user_may_see(client: Client, settings: Settings) -> None:
    settings.UNFOLD = {"SIDEBAR": {"navigation": "conversations.admin.site.sidebar.groups"}}
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_run"))
    client.force_login(viewer)

    groups = client.get(reverse("admin:index")).context["sidebar_navigation"]

    assert [(group["title"], [item["title"] for item in group["items"]]) for group in groups] == [("Review", ["Runs"])]
