"""An account: its keys are refused at once, its runs are stopped, and in the end nothing of it is left."""

from collections.abc import Callable

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import User

from conversations import errors
from conversations.models import (
    Account,
    ActiveRun,
    ApiKey,
    Assistant,
    Conversation,
    Delivery,
    Erasure,
    Event,
    Message,
    Preset,
    Run,
    WebhookEndpoint,
)
from conversations.services import presets
from conversations.services.accounts import accounts, api_keys
from conversations.services.erasures import batch, begin
from conversations.services.erasures.advance import advance
from conversations.services.retention import deletions
from conversations.services.runs import finish
from conversations.values.runs import RunStatus
from tests import builders
from tests.integration.conversations import inspection
from tests.integration.conversations.services.erasures.conftest import SECRET

pytestmark = pytest.mark.django_db

Find = Callable[[str], list[str]]


def test_no_table_holds_anything_of_it(talkative: Account, bob: Account, tables_with: Find) -> None:
    builders.runs.answered(bob, "Mine", "Yes.")
    assert len(tables_with(SECRET)) > 10
    deliveries = Delivery.objects.for_account(talkative).count()

    erasure = builders.erasures.erase_account(talkative)
    builders.erasures.batches(erasure, most=1_000)

    assert tables_with(SECRET) == []
    assert erasure.finished_at is not None
    assert not any((erasure.left or {"": 1}).values())
    assert erasure.erased["run"] == Run.objects.for_account(talkative).count() == 12
    assert erasure.erased["delivery"] == deliveries
    assert erasure.erased["assistantversion"] == 2
    assert Assistant.objects.for_account(talkative).get().deleted_at is not None
    assert {*Conversation.objects.for_account(talkative).values_list("preset_text", flat=True)} == {""}
    assert inspection.thread(bob) == ["Mine", "Yes."]
    talkative.refresh_from_db()
    assert (talkative.name, talkative.is_active, talkative.conversation_count) == (talkative.public_id, False, 0)


def test_its_keys_are_refused_and_nothing_comes_to_it_any_more(ann: Account) -> None:
    secret = api_keys.create(account=ann)
    begin.erase_account(account_id=ann.pk, requested_by="a test")

    with pytest.raises(errors.InvalidKey):
        api_keys.authenticate(secret=secret)
    with pytest.raises(errors.InvalidRequest, match="erased"):
        api_keys.create(account=ann)
    with pytest.raises(errors.InvalidRequest, match="erased"):
        presets.save(account=ann, name="editor", text="New")
    assert accounts.set_active(account_ids=[ann.pk], is_active=True) == 0
    assert accounts.get_or_create(name="ann").pk != ann.pk


def test_asked_for_again_it_is_the_same_erasure(ann: Account) -> None:
    first = begin.erase_account(account_id=ann.pk, requested_by="a test")

    again = begin.erase_account(account_id=ann.pk, requested_by="another")

    assert (again.pk, again.requested_by) == (first.pk, "a test")


def test_its_runs_are_stopped_first(ann: Account) -> None:
    builders.runs.answered(ann, "1", "One")
    claimed = builders.runs.claim(builders.runs.start(ann, "2"))
    queued = builders.runs.start(ann, "3")
    erasure = builders.erasures.erase_account(ann)

    builders.erasures.batches(erasure, most=1_000)

    assert inspection.state(queued)[0] == "cancelled"
    assert (erasure.step, erasure.finished_at) == ("stop", None)
    assert Message.objects.for_account(ann).count() == 4
    assert ActiveRun.objects.get(pk=claimed.pk).cancel_requested_at is not None
    # Its worker ends it, and then it goes on.
    assert finish.finish(run=claimed, report=builders.runs.report("Tw", status=RunStatus.CANCELLED))
    Erasure.objects.filter(pk=erasure.pk).update(due_at=erasure.created_at)
    builders.erasures.batches(erasure, most=1_000)
    assert erasure.finished_at is not None
    assert not Message.objects.for_account(ann).exists()


def test_it_waits_for_requests_that_are_on_their_way(ann: Account) -> None:
    builders.runs.answered(ann)
    erasure = begin.erase_account(account_id=ann.pk, requested_by="a test")

    builders.erasures.batches(erasure)

    assert (erasure.step, erasure.state) == ("stop", "running")
    assert Message.objects.count() == 2


def test_all_its_runs_are_done_when_retention_deletes_some_meanwhile(talkative: Account) -> None:
    erasure = builders.erasures.erase_account(talkative)
    while erasure.runs_total is None:
        advance(erasure_pk=erasure.pk, most=1)
        erasure.refresh_from_db()
    counted = erasure.runs_total
    builders.usage.note_counted()
    unstored = Run.objects.for_account(talkative).filter(conversation=None).values_list("pk", flat=True)
    assert deletions.unstored_runs([*unstored]) == 1

    builders.erasures.batches(erasure)

    assert erasure.state == "done"
    assert erasure.runs_done == erasure.runs_total == counted - 3


@pytest.mark.parametrize("batches", range(1, 12))
def test_a_process_killed_after_any_batch_is_gone_on_with(talkative: Account, batches: int) -> None:
    erasure = builders.erasures.erase_account(talkative)
    for _ in range(batches):
        assert advance(erasure_pk=erasure.pk, most=1)

    builders.erasures.batches(erasure)

    assert erasure.state == "done"
    assert (erasure.erased["run"], erasure.erased["message"]) == (12, 20)
    assert not any((erasure.left or {"": 1}).values())
    assert not Event.objects.for_account(talkative).exists()
    assert not WebhookEndpoint.objects.for_account(talkative).exists()
    assert set(Preset.objects.for_account(talkative).values_list("text", flat=True)) == {""}
    assert set(ApiKey.objects.for_account(talkative).values_list("prefix", flat=True)) == {""}


def test_each_run_is_stopped_in_a_transaction_of_its_own(ann: Account) -> None:
    """Whoever ends a run of the account waits for the row that reports it."""
    builders.webhooks.endpoint(ann)
    for thread in ("a", "b", "c"):
        builders.runs.start(ann, conversation_id=thread)
    erasure = builders.erasures.erase_account(ann)

    left = []
    while ActiveRun.objects.exists():
        assert advance(erasure_pk=erasure.pk) == 1
        left.append((WebhookEndpoint.objects.filter(deleted_at=None).count(), ActiveRun.objects.count()))

    assert left == [(0, 3), (0, 2), (0, 1), (0, 0)]


def test_the_erasures_of_its_conversations_name_nothing_any_more(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    for thread in ("a", "b", "c"):
        builders.runs.answered(ann, conversation_id=thread)
        conversation = inspection.conversation(ann, thread)
        builders.erasures.delete_conversation(conversation_id=conversation.pk)
    erasure = builders.erasures.erase_account(ann)

    monkeypatch.setattr(batch, "ROWS", 2)
    builders.erasures.batches(erasure, most=1_000)

    assert erasure.erased["erasure"] == 4
    assert {*Erasure.objects.for_account(ann).values_list("subject_id", flat=True)} == {""}


def test_the_admins_log_does_not_say_its_names(ann: Account, bob: Account, django_user_model: type[User]) -> None:
    admin = django_user_model.objects.create_user("admin")
    preset = presets.save(account=ann, name=f"{SECRET} preset", text="Be brief.")
    rows = (ann, preset, bob)
    for row in rows:
        LogEntry.objects.log_actions(admin.pk, [row], ADDITION, single_object=True)

    builders.erasures.batches(builders.erasures.erase_account(ann), most=1_000)

    assert [entry.object_repr for entry in LogEntry.objects.order_by("pk")] == ["erased:", "erased:", "bob"]
