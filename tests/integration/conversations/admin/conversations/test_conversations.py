"""The list of conversations: searched by an index, deleted by the service."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations.admin.site import changelists
from conversations.models import Conversation, Message
from tests.builders.factories import AccountFactory, ConversationFactory, RunFactory
from tests.integration.conversations.admin.conftest import Say

LIST = reverse("admin:conversations_conversation_changelist")


def found(admin_client: Client, **asked: str | int) -> list[str]:
    return [row.public_id for row in admin_client.get(LIST, asked).context["cl"].result_list]


def delete(client: Client, *conversations: Conversation, is_confirmed: bool = True) -> str:
    chosen = {
        "action": "delete_conversations",
        "index": "0",
        "_selected_action": [conversation.pk for conversation in conversations],
    }
    return client.post(LIST, chosen | ({"confirmed": "yes"} if is_confirmed else {}), follow=True).content.decode()


def test_finds_by_public_id_its_beginning_and_the_accounts_name(admin_client: Client) -> None:
    ConversationFactory.create(public_id="alpha-1")
    ConversationFactory.create(public_id="beta-1", account=AccountFactory.create(name="Alphabet"))
    ConversationFactory.create(public_id="gamma-1", account=AccountFactory.create(name="Greek alpha"))

    assert found(admin_client, q="alpha-1") == ["alpha-1"]
    assert found(admin_client, q="alph") == ["beta-1", "alpha-1"]
    assert found(admin_client, q="ALPHABET") == ["beta-1"]
    assert found(admin_client, q="lpha-1") == []
    assert found(admin_client, q="100%_") == []


def test_does_not_search_messages(admin_client: Client, say: Say) -> None:
    say("a needle", "in a haystack")

    assert found(admin_client, q="needle") == []


def test_filters_by_account_state_and_date(admin_client: Client) -> None:
    kept = ConversationFactory.create(public_id="kept")
    ConversationFactory.create(public_id="deleted", deleted_at=timezone.now())
    ConversationFactory.create(public_id="old", updated_at="2001-01-01T00:00Z")

    assert found(admin_client, account__id__exact=kept.account_id) == ["kept"]
    assert found(admin_client, state="deleted") == ["deleted"]
    assert found(admin_client, state="kept") == ["kept", "old"]
    assert found(
        admin_client, updated_at__gte="2020-01-01 00:00:00+00:00", updated_at__lt="2999-01-01 00:00:00+00:00"
    ) == [
        "deleted",
        "kept",
    ]


def test_stops_counting_and_says_so(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changelists, "COUNTED_ROWS", 2)
    ConversationFactory.create_batch(3)

    shown = admin_client.get(LIST).content.decode()

    assert "the first 2 conversations" in shown


def test_asks_before_it_deletes(admin_client: Client, say: Say, conversation: Conversation) -> None:
    say("Hello", "Hi")

    shown = delete(admin_client, conversation, is_confirmed=False)

    assert "Delete conversations: 1" in shown
    assert "a-thread" in shown
    assert Message.objects.count() == 2


def test_deletes_and_leaves_a_tombstone(admin_client: Client, say: Say, conversation: Conversation) -> None:
    say("Hello", "Hi")

    shown = delete(admin_client, conversation)

    conversation.refresh_from_db()
    assert "Conversations deleted: 1." in shown
    assert conversation.deleted_at is not None
    assert (conversation.preset_text, conversation.head_id) == ("", None)
    assert not Message.objects.exists()
    assert conversation.runs.count() == 1
    assert "nothing is kept but the id" in admin_client.get(f"{LIST}{conversation.pk}/change/").content.decode()


def test_reports_busy_and_gone_ones_and_deletes_the_others(admin_client: Client, conversation: Conversation) -> None:
    busy, gone = ConversationFactory.create(), ConversationFactory.create(deleted_at=timezone.now())
    RunFactory.create(conversation=busy)

    shown = delete(admin_client, conversation, busy, gone)

    busy.refresh_from_db()
    assert "Conversations deleted: 1." in shown
    assert "Busy with a turn, so not deleted: 1." in shown
    assert "Deleted earlier: 1." in shown
    assert busy.deleted_at is None


def test_lets_a_viewer_delete_nothing(client: Client, conversation: Conversation) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_conversation"))
    client.force_login(viewer)

    delete(client, conversation)

    conversation.refresh_from_db()
    assert client.get(LIST).status_code == 200
    assert conversation.deleted_at is None
