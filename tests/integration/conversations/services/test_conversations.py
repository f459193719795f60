"""Conversations as a whole: deleting leaves a tombstone and nothing else; presets have versions."""

from typing import Any

import pytest

from conversations import errors
from conversations.models import Account, Conversation, Message, Preset, Reference, Run
from conversations.services import presets
from conversations.services.runs import finish
from conversations.values.requests import ReferenceGiven, ReferenceKind
from tests import builders
from tests.builders.factories import AccountFactory
from tests.integration.conversations import inspection

pytestmark = pytest.mark.django_db

SECRET = "xyzzy"


def traces(secret: str) -> list[str]:
    """The tables that hold the secret anywhere."""
    models = (Conversation, Message, Reference, Run)
    return [model.__name__ for model in models for row in model.objects.values() if secret in str(row)]


def test_delete_erases_every_trace_of_the_content(ann: Account) -> None:
    given = (ReferenceGiven(ReferenceKind.TEXT, f"{SECRET} facts"),)
    builders.runs.answered(ann, f"{SECRET}?", f"{SECRET}!", preset=f"Say {SECRET}", references=given)
    builders.runs.answered(ann, f"{SECRET} again?", f"{SECRET}!")
    other = builders.runs.answered(ann, "Other", conversation_id="other")
    assert set(traces(SECRET)) == {"Conversation", "Message", "Reference", "Run"}

    assert builders.erasures.delete_conversation(conversation_id=inspection.conversation(ann).pk)

    tombstone = inspection.conversation(ann)
    assert traces(SECRET) == []
    assert tombstone.deleted_at is not None
    assert (tombstone.head_id, tombstone.preset_text) == (None, "")
    assert [run.status for run in Run.objects.filter(conversation=tombstone)] == ["completed", "completed"]
    assert inspection.thread(ann, "other") == ["Other", "Hi."]
    assert inspection.messages(other) == [("user", "Other"), ("assistant", "Hi.")]


def test_delete_again_changes_nothing(ann: Account) -> None:
    builders.runs.answered(ann)
    pk = inspection.conversation(ann).pk
    builders.erasures.delete_conversation(conversation_id=pk)
    deleted_at = inspection.conversation(ann).deleted_at

    assert not builders.erasures.delete_conversation(conversation_id=pk)

    assert inspection.conversation(ann).deleted_at == deleted_at


@pytest.mark.parametrize("is_claimed", [True, False])
def test_delete_waits_for_no_run_and_breaks_none(ann: Account, is_claimed: bool) -> None:
    builders.runs.answered(ann, "1", "One")
    run = builders.runs.start(ann, "2")
    claimed = builders.runs.claim(run) if is_claimed else None

    with pytest.raises(errors.ConversationBusy):
        builders.erasures.delete_conversation(conversation_id=inspection.conversation(ann).pk)

    assert inspection.conversation(ann).deleted_at is None
    finish.finish(run=claimed or builders.runs.claim(run), report=builders.runs.report("Two"))
    assert inspection.thread(ann) == ["1", "One", "2", "Two"]


def test_delete_of_an_unknown_conversation_is_not_found() -> None:
    with pytest.raises(errors.NotFound):
        builders.erasures.delete_conversation(conversation_id=10**9)


def test_a_tombstones_id_stays_free_for_other_accounts(ann: Account) -> None:
    builders.runs.answered(ann)
    builders.erasures.delete_conversation(conversation_id=inspection.conversation(ann).pk)
    bob = AccountFactory.create(name="bob")

    builders.runs.answered(bob, "Mine", "Yes.")

    assert inspection.thread(bob) == ["Mine", "Yes."]
    with pytest.raises(errors.ConversationDeleted):
        builders.runs.start(ann)


def test_a_preset_saved_again_is_a_new_version(ann: Account) -> None:
    first = presets.save(account=ann, name="editor", text="Old")
    second = presets.save(account=ann, name="editor", text="New", parameters={"temperature": 0})
    other = presets.save(account=AccountFactory.create(name="bob"), name="editor", text="Bob's")

    assert (first.version, second.version, other.version) == (1, 2, 1)
    first.refresh_from_db()
    assert (first.text, second.parameters) == ("Old", {"temperature": 0})
    assert Preset.objects.count() == 3


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"parameters": {"messages": []}}, errors.InvalidRequest),
        ({"parameters": {"temperature": float("nan")}}, errors.InvalidRequest),
        ({"model": "no-such-model"}, errors.UnknownModel),
        ({"model": "text-embedding-3-small"}, errors.InvalidRequest),
    ],
)
def test_a_preset_that_no_request_could_be_is_not_saved(
    ann: Account, wrong: dict[str, Any], error: type[errors.ParleyError]
) -> None:
    with pytest.raises(error):
        presets.save(account=ann, name="editor", text="Old", **wrong)

    assert not Preset.objects.exists()


def test_a_conversation_keeps_the_version_it_began_with(ann: Account) -> None:
    old = presets.save(account=ann, name="editor", text="Old", parameters={"temperature": 0.5})
    builders.runs.answered(ann, "1", "One", preset="editor")
    presets.save(account=ann, name="editor", text="New")

    later = builders.runs.claim(builders.runs.start(ann, "2"))

    assert (later.preset_text, inspection.inputs(later).options) == ("Old", {"temperature": 0.5})
    assert inspection.conversation(ann).preset_id == old.pk


def test_free_text_and_clearing_leave_a_stored_preset(ann: Account) -> None:
    presets.save(account=ann, name="editor", text="Stored", parameters={"temperature": 0.5})
    builders.runs.answered(ann, "1", "One", preset="editor")

    text = builders.runs.start(ann, "2", preset="Free")
    claimed = builders.runs.claim(text)
    finish.finish(run=claimed, report=builders.runs.report("Two"))
    cleared = builders.runs.claim(builders.runs.start(ann, "3", preset=""))

    assert (claimed.preset_text, inspection.inputs(claimed).options) == ("Free", {})
    assert (cleared.preset_text, inspection.inputs(cleared).options) == ("", {})
    assert inspection.conversation(ann).preset_id is None


def test_a_deleted_preset_leaves_its_text_behind(ann: Account) -> None:
    presets.save(account=ann, name="editor", text="Stored")
    builders.runs.answered(ann, "1", "One", preset="editor")

    Preset.objects.all().delete()

    assert builders.runs.claim(builders.runs.start(ann, "2")).preset_text == "Stored"
