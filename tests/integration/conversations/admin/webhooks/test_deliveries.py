"""Deliveries and events in the admin: shown with every attempt, and replayed by the service."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from conversations.admin.site import formatting
from conversations.models import Delivery
from tests.builders.factories import (
    A_MOMENT,
    ConversationFactory,
    DeliveryAttemptFactory,
    DeliveryFactory,
    EventFactory,
    RunFactory,
)
from tests.integration.conversations.admin.conftest import Say

LIST = reverse("admin:conversations_delivery_changelist")
EVENTS = reverse("admin:conversations_event_changelist")
HOSTILE = "<script>alert(1)</script>"


def page(delivery: Delivery) -> str:
    return reverse("admin:conversations_delivery_change", args=[delivery.pk])


def found(admin_client: Client, **asked: str | int) -> list[Delivery]:
    return list(admin_client.get(LIST, asked).context["cl"].result_list)


def replay(client: Client, *deliveries: Delivery) -> str:
    chosen = {"action": "replay", "index": "0", "_selected_action": [delivery.pk for delivery in deliveries]}
    return client.post(LIST, chosen, follow=True).content.decode()


def test_shows_every_attempt(admin_client: Client) -> None:
    delivery = DeliveryFactory.create(has_failed=True)
    DeliveryAttemptFactory.create(delivery=delivery, response=f"Out of {HOSTILE}")
    DeliveryAttemptFactory.create(delivery=delivery, number=2, http_status=None, error="timed_out", duration_ms=15_000)

    shown = admin_client.get(page(delivery)).content.decode()

    facts = (
        "2026-01-01 12:00:00 UTC",
        "500",
        "0.25 s",
        "timed_out",
        "15.00 s",
        "Out of &lt;script&gt;",
        str(delivery.event),
    )
    assert [fact for fact in facts if fact not in shown] == []
    assert "<script>alert" not in shown


def test_shows_a_body_inert_and_says_when_it_is_cut_or_gone(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = DeliveryFactory.create(is_callback=True, body=f'{{"answer":"{HOSTILE}"}}')
    trimmed = DeliveryFactory.create(is_callback=True, body=None, has_succeeded=True)
    of_event = DeliveryFactory.create(event__payload='{"type":"run.failed"}')

    shown = [admin_client.get(page(delivery)).content.decode() for delivery in (whole, trimmed, of_event)]
    monkeypatch.setattr(formatting, "TEXT_SHOWN_CHARS", 10)
    cut = admin_client.get(page(whole)).content.decode()

    assert "&lt;script&gt;alert(1)" in shown[0]
    assert not any("<script>alert" in html for html in (*shown, cut))
    assert "No longer kept" in shown[1]
    assert "&quot;type&quot;: &quot;run.failed&quot;" in shown[2]
    assert "{&quot;answer&quot;:…" in cut
    assert f"Cut here: it has {len(whole.body or '')} characters." in cut


def test_finds_by_ids_and_filters(admin_client: Client) -> None:
    run = RunFactory.create()
    of_event = DeliveryFactory.create(event__type="run.failed", has_failed=True)
    callback = DeliveryFactory.create(is_callback=True, account=run.account, run=run)

    assert found(admin_client) == [callback, of_event]
    assert found(admin_client, q=of_event.public_id) == found(admin_client, q=str(of_event.event)) == [of_event]
    assert (
        found(admin_client, q=str(of_event.endpoint))
        == found(admin_client, endpoint__id__exact=str(of_event.endpoint_id))
        == [of_event]
    )
    assert found(admin_client, q=run.public_id) == found(admin_client, account__id__exact=run.account_id) == [callback]
    assert found(admin_client, q="evt_0") == found(admin_client, q="dlv_0") == []
    assert found(admin_client, kind="callback") == found(admin_client, status__exact="pending") == [callback]
    assert found(admin_client, kind="endpoint") == found(admin_client, event_type="run.failed") == [of_event]
    assert found(admin_client, event_type="run.completed") == []


def test_replays_and_counts_what_it_could_not(admin_client: Client) -> None:
    failed, arrived = (
        DeliveryFactory.create(has_failed=True, schedule_step=9),
        DeliveryFactory.create(has_succeeded=True),
    )
    gone = {"endpoint__disabled_at": A_MOMENT, "endpoint__disabled_reason": "Gone."}
    disabled = DeliveryFactory.create(has_failed=True, **gone)
    trimmed = DeliveryFactory.create_batch(2, has_failed=True, event__payload=None)
    other = DeliveryFactory.create(has_failed=True)

    shown = replay(admin_client, failed, arrived, disabled, *trimmed)

    assert "Deliveries to be sent again: 2." in shown
    assert "Not sent again: 1. Its endpoint is disabled or deleted." in shown
    assert "Not sent again: 2. Its body is no longer kept." in shown
    assert set(Delivery.objects.filter(status="pending")) == {failed, arrived}
    failed.refresh_from_db()
    assert (failed.schedule_step, failed.finished_at) == (0, None)
    other.refresh_from_db()
    assert other.status == "failed"


def test_asks_on_its_own_page_before_it_replays(admin_client: Client) -> None:
    delivery = DeliveryFactory.create(has_failed=True)

    asked = admin_client.get(reverse("admin:conversations_delivery_replay_this", args=[delivery.pk])).content.decode()

    delivery.refresh_from_db()
    assert f'action="{LIST}"' in asked
    assert 'href="../change/"' in asked
    assert f'name="_selected_action" value="{delivery.pk}"' in asked
    assert delivery.status == "failed"


@pytest.mark.django_db
def test_lets_a_viewer_replay_nothing(client: Client) -> None:
    delivery = DeliveryFactory.create(has_failed=True)
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_delivery"))
    client.force_login(viewer)

    replay(client, delivery)
    asked = client.get(reverse("admin:conversations_delivery_replay_this", args=[delivery.pk]))

    delivery.refresh_from_db()
    assert (client.get(LIST).status_code, client.get(page(delivery)).status_code) == (200, 200)
    assert asked.status_code == 403
    assert delivery.status == "failed"


def test_shows_a_runs_deliveries_on_its_page_and_in_its_transcript(admin_client: Client, say: Say) -> None:
    run = say("Hello", "Hi").run
    delivery = DeliveryFactory.create(is_callback=True, account=run.account, run=run, has_succeeded=True)

    pages = [
        admin_client.get(reverse("admin:conversations_run_change", args=[run.pk])).content.decode(),
        admin_client.get(
            reverse("admin:conversations_conversation_change", args=[run.conversation_id])
        ).content.decode(),
    ]

    assert [page(delivery) in html for html in pages] == [True, True]
    assert re.search(r"→ https://hooks\.example:443 succeeded</a>", pages[1])


def test_shows_an_event_with_its_deliveries(admin_client: Client) -> None:
    conversation = ConversationFactory.create()
    event = EventFactory.create(account=conversation.account, conversation=conversation, payload=None)
    delivery = DeliveryFactory.create(account=event.account, event=event)

    shown = admin_client.get(reverse("admin:conversations_event_change", args=[event.pk])).content.decode()

    assert page(delivery) in shown
    assert "No longer kept" in shown


def test_finds_events_by_their_id_and_their_conversations(admin_client: Client) -> None:
    conversation = ConversationFactory.create(public_id="a-thread")
    event = EventFactory.create(account=conversation.account, conversation=conversation)
    other = EventFactory.create(type="run.failed")

    def events(**asked: str) -> list[object]:
        return list(admin_client.get(EVENTS, asked).context["cl"].result_list)

    assert events() == [other, event]
    assert events(q=event.public_id) == events(q="a-thread") == events(event_type="run.completed") == [event]
    assert events(event_type="run.failed") == [other]
