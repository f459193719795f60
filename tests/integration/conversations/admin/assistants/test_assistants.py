"""Assistants in the admin: saving makes a new one, or the next version of one."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from conversations.models import Assistant, AssistantVersion
from tests.builders.factories import AccountFactory, AssistantFactory, AssistantVersionFactory

LIST = reverse("admin:conversations_assistant_changelist")
VERSIONS = reverse("admin:conversations_assistantversion_changelist")
ADD = reverse("admin:conversations_assistantversion_add")
SENT = {
    "name": "客服",
    "kind": "dialogue",
    "model": "echo",
    "prompt": "Be kind.",
    "options": '{"temperature": 0.2}',
    "has_context": "on",
    "knowledge": "[]",
    "tools": "[]",
    "intents": "[]",
    "fallback": "custom",
}


def test_saves_a_new_assistant(admin_client: Client) -> None:
    account = AccountFactory.create()

    response = admin_client.post(ADD, {**SENT, "account": account.pk})

    version = AssistantVersion.objects.select_related("assistant").get()
    assert response.status_code == 302
    assert (version.account, version.assistant.account, version.number) == (account, account, 1)
    assert (version.name, version.model, version.prompt, version.options) == (
        "客服", "echo", "Be kind.", {"temperature": 0.2},
    )  # fmt: skip
    assert (version.has_context, version.decodes_base64, version.history_most) == (True, False, None)


def test_a_change_is_the_next_version(admin_client: Client) -> None:
    assistant = AssistantFactory.create(version_row__prompt="Be kind.", version_row__greeting="Hi")

    redirect = admin_client.get(f"{LIST}{assistant.pk}/new-version/")
    form = admin_client.get(redirect["Location"]).context["adminform"].form
    response = admin_client.post(redirect["Location"], {**SENT, "prompt": "Be brief.", "history_most": "3"})

    assert (form.initial["prompt"], form.initial["greeting"]) == ("Be kind.", "Hi")
    assert "account" not in form.fields
    assert response.status_code == 302
    versions = AssistantVersion.objects.order_by("number").values_list("number", "prompt", "history_most")
    assert list(versions) == [(1, "Be kind.", None), (2, "Be brief.", 3)]
    assert Assistant.objects.get().version == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "a" * 101), ("kind", "robot"), ("model", "no-such-model"), ("model", "assistant:x"),
        ("options", "[1]"), ("options", '{"temperature": 9}'), ("options", '{"a": NaN}'), ("knowledge", '["kb_x"]'),
        ("tools", '["tool_x"]'), ("tools", "{}"), ("intents", "7"), ("intents", "[1]"), ("intents", '["\\u0000"]'),
        ("intents", "[" * 40_000), ("fallback", "cry"), ("history_most", "-1"), ("history_most", "1001"),
        ("history_most", "9" * 400), ("greeting", "a\x00"), ("greeting", "a" * 4_001), ("prompt", "a" * 100_001),
    ],
    ids=lambda text: str(text)[:12],
)  # fmt: skip
def test_refuses_what_one_cannot_be(admin_client: Client, field: str, value: str) -> None:
    response = admin_client.post(ADD, {**SENT, "account": AccountFactory.create().pk, field: value})

    assert response.status_code == 200
    assert response.context["adminform"].form.errors.keys() == {field}
    assert not Assistant.objects.exists()


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "knowledge", "knowledge": '["kb_x"]'},
        {"intents": '["intent_x"]'},
        {"fallback": "fix", "fallback_text": ""},
    ],
)
def test_says_what_does_not_fit(admin_client: Client, more: dict[str, Any]) -> None:
    response = admin_client.post(ADD, {**SENT, "account": AccountFactory.create().pk, **more})

    assert response.status_code == 200
    assert response.context["adminform"].form.errors
    assert not Assistant.objects.exists()


def test_makes_one_the_default_one_and_deletes_it(admin_client: Client) -> None:
    first = AssistantFactory.create(is_default=True)
    second = AssistantFactory.create(account=first.account)

    chosen = {"_selected_action": [second.pk]}
    admin_client.post(LIST, {"action": "make_default", **chosen})
    defaults = set(Assistant.objects.filter(is_default=True))
    asked = admin_client.post(LIST, {"action": "delete_assistants", **chosen})
    admin_client.post(LIST, {"action": "delete_assistants", "confirmed": "yes", **chosen})
    again = admin_client.post(LIST, {"action": "make_default", **chosen}, follow=True)

    assert defaults == {second}
    assert asked.status_code == 200
    second.refresh_from_db()
    assert second.deleted_at is not None
    assert not AssistantVersion.objects.filter(assistant=second).exists()
    assert b"assistant not found" in again.content
    assert admin_client.get(f"{LIST}{second.pk}/new-version/")["Location"].endswith(f"/{second.pk}/change/")


def test_lists_names_and_versions(admin_client: Client) -> None:
    assistant = AssistantFactory.create(version=2, version_row__name="name before")
    AssistantVersionFactory.create(assistant=assistant, number=2, name="name now")

    listed = admin_client.get(LIST).content.decode()
    versions = admin_client.get(VERSIONS, {"q": assistant.public_id[:10]}).context["cl"].result_list
    page = admin_client.get(reverse("admin:conversations_assistant_change", args=[assistant.pk])).content.decode()

    assert "name now" in listed
    assert "name before" not in listed
    assert [version.number for version in versions] == [2, 1]
    assert page.index("name now") < page.index("name before")
