"""Presets in the admin: saving makes the next version."""

import pytest
from django.test import Client
from django.urls import reverse

from conversations.models import Preset
from tests.builders.factories import AccountFactory, PresetFactory

LIST = reverse("admin:conversations_preset_changelist")
ADD = reverse("admin:conversations_preset_add")


def test_saves_the_first_version(admin_client: Client) -> None:
    account = AccountFactory.create()

    response = admin_client.post(
        ADD, {"account": account.pk, "name": "support", "text": "Be kind.", "parameters": '{"temperature": 0.2}'}
    )

    preset = Preset.objects.get()
    assert response.status_code == 302
    assert (preset.account, preset.version, preset.text) == (account, 1, "Be kind.")
    assert preset.parameters == {"temperature": 0.2}


def test_saves_the_next_version_and_keeps_the_one_before(admin_client: Client) -> None:
    first = PresetFactory.create(name="support", text="Be kind.")

    admin_client.post(ADD, {"account": first.account_id, "name": "support", "text": "Be brief.", "parameters": "{}"})

    versions = Preset.objects.order_by("version").values_list("version", "text")
    assert list(versions) == [(1, "Be kind."), (2, "Be brief.")]


def test_begins_a_new_version_as_the_one_it_comes_from(admin_client: Client) -> None:
    preset = PresetFactory.create(text="Be kind.", parameters={"top_p": 0.5})

    opened = admin_client.get(reverse("admin:conversations_preset_change", args=[preset.pk]))
    redirect = admin_client.get(f"{reverse('admin:conversations_preset_changelist')}{preset.pk}/new-version/")
    form = admin_client.get(f"{ADD}?from={preset.pk}").context["adminform"].form

    assert f"{preset.pk}/new-version/" in opened.content.decode()
    assert redirect["Location"] == f"{ADD}?from={preset.pk}"
    assert (form.initial["account"], form.initial["text"]) == (preset.account_id, "Be kind.")


@pytest.mark.parametrize(
    "parameters",
    [
        "[1]", '"x"', "7", "{", '{"a": "\\u0000"}', '{"a": "\\ud800"}', '{"model": "gpt-4"}', '{"messages": []}',
        '{"stream": false}', '{"temperature": "hot"}', '{"temperature": NaN}', '{"top_p": Infinity}', '{"a": 1e999}',
        '{"seed": ' + "9" * 400 + "}", '{"seed": ' + "9" * 5_000 + "}", '{"a": ' + "9" * 30 + "}",
        '{"a": ' + "[" * 200 + "]" * 200 + "}", '{"a": ' + "[" * 40_000 + "]" * 40_000 + "}",
        '{"a": "' + "x" * 200_000 + '"}',
    ],
    ids=lambda text: text[:24],
)  # fmt: skip
def test_refuses_parameters_that_are_no_options(admin_client: Client, parameters: str) -> None:
    sent = {"account": AccountFactory.create().pk, "name": "support", "text": "Be kind.", "parameters": parameters}

    response = admin_client.post(ADD, sent)

    assert response.status_code == 200
    assert response.context["adminform"].form.errors.keys() == {"parameters"}
    assert not Preset.objects.exists()


def test_saves_a_model_that_can_answer(admin_client: Client) -> None:
    sent = {"account": AccountFactory.create().pk, "name": "support", "text": "Be kind.", "parameters": "{}"}

    response = admin_client.post(ADD, {**sent, "model": "echo"})

    assert response.status_code == 302
    assert Preset.objects.get().model == "echo"


@pytest.mark.parametrize("model", ["no-such-model", "text-embedding-3-small", "gpt-4o\u0001"])
def test_refuses_a_model_that_cannot_answer(admin_client: Client, model: str) -> None:
    sent = {"account": AccountFactory.create().pk, "name": "support", "text": "Be kind.", "parameters": "{}"}

    response = admin_client.post(ADD, {**sent, "model": model})

    assert response.status_code == 200
    assert response.context["adminform"].form.errors.keys() == {"model"}
    assert not Preset.objects.exists()


def test_lists_the_newest_first_and_the_latest_alone_when_asked(admin_client: Client) -> None:
    first = PresetFactory.create()
    second = PresetFactory.create(account=first.account, name=first.name, version=2)

    everything = admin_client.get(LIST).context["cl"].result_list
    latest = admin_client.get(LIST, {"version": "latest"}).context["cl"].result_list

    assert (list(everything), list(latest)) == ([second, first], [second])
