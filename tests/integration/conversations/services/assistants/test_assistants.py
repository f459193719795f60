import pytest
from pytest_django import Settings

from conversations import errors
from conversations.models import AssistantVersion
from conversations.services.assistants import assistants
from tests.builders.factories import A_MOMENT, AssistantFactory

pytestmark = pytest.mark.django_db


def test_keeps_the_newest_versions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assistants, "VERSIONS_KEPT", 3)
    assistant = AssistantFactory.create()

    for at in range(5):
        assistants.change(
            account_id=assistant.account_id, assistant_id=assistant.public_id, given={"prompt": f"Prompt {at}."}
        )

    assert list(AssistantVersion.objects.order_by("number").values_list("number", "prompt")) == [
        (4, "Prompt 2."), (5, "Prompt 3."), (6, "Prompt 4."),
    ]  # fmt: skip


def test_no_version_comes_to_an_erased_account() -> None:
    assistant = AssistantFactory.create(account__erased_at=A_MOMENT, account__is_active=False)

    with pytest.raises(errors.InvalidRequest, match="erased"):
        assistants.change(account_id=assistant.account_id, assistant_id=assistant.public_id, given={"name": "b"})
    assert AssistantVersion.objects.count() == 1


@pytest.mark.parametrize("text", ["\ud800", "a\x00"])
def test_refuses_what_cannot_be_stored(text: str) -> None:
    assistant = AssistantFactory.create()
    for name in ("name", "prompt", "model", "greeting", "fallback_text"):
        with pytest.raises(errors.InvalidRequest) as refused:
            assistants.change(account_id=assistant.account_id, assistant_id=assistant.public_id, given={name: text})
        assert refused.value.param == name


def test_a_model_that_is_gone_stands_in_the_way_of_no_other_change(settings: Settings) -> None:
    assistant = AssistantFactory.create(version_row__model="gone-model")

    changed = assistants.change(
        account_id=assistant.account_id, assistant_id=assistant.public_id, given={"greeting": "Hi"}
    )

    assert (changed.number, changed.model, changed.greeting) == (2, "gone-model", "Hi")
