"""The pages of visitors: who they are and what they asked, and what is done to them through the services."""

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from conversations.models import Account, Conversation, Dialogue, Erasure, Visitor
from conversations.services.runs import cancel
from tests import builders

LIST = "admin:conversations_visitor_changelist"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


def post(client: Client, action: str, *visitors: Visitor, confirmed: bool = True) -> str:
    data = {
        "action": action,
        "_selected_action": [one.pk for one in visitors],
        **({"confirmed": "1"} if confirmed else {}),
    }
    return client.post(reverse(LIST), data, follow=True).content.decode()


def test_a_page_shows_who_it_is_and_what_it_asked(admin_client: Client, ann: Account) -> None:
    asked = builders.visitors.ask(
        ann, "<b>张三</b>", of=builders.visitors.assistant(ann), attributes={"name": "<i>Z</i>", "level": 3}
    )
    visitor = Visitor.objects.get()

    of_list = admin_client.get(reverse(LIST), {"q": visitor.public_id}).content.decode()
    of_row = admin_client.get(reverse("admin:conversations_visitor_change", args=[visitor.pk])).content.decode()

    for page in (of_list, of_row):
        assert "&lt;b&gt;张三&lt;/b&gt;" in page
        assert "<b>张三</b>" not in page
        assert "<i>Z</i>" not in page
    assert asked.conversation_id in of_row


def test_pages_of_runs_and_conversations_say_whose_they_are(admin_client: Client, ann: Account) -> None:
    helper = builders.visitors.assistant(ann)
    asked = builders.visitors.ask(ann, "u1", of=helper, attributes={"name": "<i>张三</i>"})
    visitor, dialogue = Visitor.objects.get(), builders.visitors.dialogue(asked)
    plain = builders.runs.accept(ann)

    def page(of: str, pk: int) -> str:
        return admin_client.get(reverse(f"admin:conversations_{of}_change", args=[pk])).content.decode()

    links = (
        reverse("admin:conversations_assistant_change", args=[helper.pk]),
        reverse("admin:conversations_visitor_change", args=[visitor.pk]),
    )
    for shown in (page("run", asked.pk), page("conversation", dialogue.pk)):
        assert all(f'href="{link}"' in shown for link in links)
        assert "&lt;i&gt;张三&lt;/i&gt;" in shown
    assert "version 1" in page("run", asked.pk)
    assert "their thread" in page("conversation", dialogue.pk)
    assert f'href="{links[0]}"' in page("visitor", visitor.pk)
    assert not any(link in page("run", plain.pk) for link in links)
    # A tombstone has no page.
    Visitor.objects.update(deleted_at=Now(), name="")
    assert f"{visitor.public_id} (deleted)" in page("run", asked.pk)


def test_several_are_merged_into_the_oldest(admin_client: Client, ann: Account, bob: Account) -> None:
    first, second, third = (builders.visitors.visitor(ann, name) for name in ("a", "b", "c"))
    others = builders.visitors.visitor(bob, "a")

    assert "cannot be undone" in post(admin_client, "merge", first, second, confirmed=False)
    assert Visitor.objects.count() == 4
    page = post(admin_client, "merge", first, second, third, others)

    assert "Merged: 2." in page
    assert "visitor not found" in page
    assert set(Visitor.objects.values_list("pk", flat=True)) == {first.pk, others.pk}
    assert first.identities.count() == 3


def test_one_alone_is_merged_with_nobody(admin_client: Client, ann: Account) -> None:
    visitor = builders.visitors.visitor(ann)

    assert "Choose at least two." in post(admin_client, "merge", visitor)

    assert Visitor.objects.get() == visitor


def test_they_are_deleted_with_their_conversations(admin_client: Client, ann: Account) -> None:
    asked = builders.visitors.ask(ann, "u1")
    cancel.cancel(account_id=ann.pk, public_id=asked.public_id)

    page = post(admin_client, "delete_visitors", Visitor.objects.get())

    assert "Visitors deleted: 1." in page
    assert not Visitor.objects.exists()
    assert not Dialogue.objects.exists()
    assert Conversation.objects.get().deleted_at is not None
    assert set(Erasure.objects.values_list("requested_by", flat=True)) == {"admin admin"}
