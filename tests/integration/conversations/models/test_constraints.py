"""What the database itself refuses, whatever the code does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models.functions import Now

from conversations.models import Account, ApiKey, Conversation, Message, Preset, Reference, RunAttempt
from tests import builders
from tests.builders.factories import (
    ConversationFactory,
    DeliveryAttemptFactory,
    DeliveryFactory,
    EventFactory,
    MessageFactory,
    RunAttemptFactory,
    RunFactory,
    WebhookEndpointFactory,
)
from tests.integration.conversations import inspection

pytestmark = pytest.mark.django_db

TEXT = [{"type": "text", "text": "x"}]


@contextmanager
def refused(constraint: str) -> Iterator[None]:
    """The database refuses what is done inside, at the end of the transaction at the latest, by this constraint."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():  # noqa: PT012 — either may raise
        yield
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert f'"{constraint}"' in str(caught.value)


def change(row: models.Model, **fields: object) -> None:
    type(row)._default_manager.filter(pk=row.pk).update(**fields)


def test_a_message_cannot_belong_to_another_accounts_conversation(ann: Account, bob: Account) -> None:
    builders.runs.answered(ann)
    run = builders.runs.start(bob)

    with refused("message_belongs_to_its_conversations_account"):
        Message.objects.filter(run=run).update(conversation=inspection.conversation(ann))


def test_a_message_cannot_belong_to_another_accounts_run(ann: Account, bob: Account) -> None:
    mine, theirs = builders.runs.answered(ann), builders.runs.answered(bob)

    with refused("message_belongs_to_its_runs_account"):
        Message.objects.filter(run=theirs).update(run=mine)


def test_a_message_cannot_follow_one_of_another_conversation(ann: Account) -> None:
    one, two = builders.runs.answered(ann, conversation_id="one"), builders.runs.answered(ann, conversation_id="two")

    with refused("message_has_its_parent_in_the_same_conversation"):
        Message.objects.filter(run=two, role="user").update(parent=Message.objects.get(run=one, role="assistant"))


def test_a_message_cannot_follow_itself_or_have_an_unknown_role(ann: Account) -> None:
    message = Message.objects.get(run=builders.runs.answered(ann), role="user")

    with refused("message_is_not_its_own_parent"):
        change(message, parent=message)
    with refused("message_has_a_known_role"):
        change(message, role="god")


def test_a_conversations_head_is_one_of_its_messages(ann: Account, bob: Account) -> None:
    builders.runs.answered(ann, conversation_id="one")
    theirs = Message.objects.get(run=builders.runs.answered(bob), role="assistant")
    other = Message.objects.get(run=builders.runs.answered(ann, conversation_id="two"), role="assistant")

    for stranger in (theirs, other):
        with refused("conversation_has_its_head_inside"):
            change(inspection.conversation(ann, "one"), head=stranger)


def test_a_run_cannot_belong_to_another_accounts_conversation(ann: Account, bob: Account) -> None:
    builders.runs.answered(ann)
    unstored = builders.runs.start(bob, is_stored=False)

    with refused("run_belongs_to_its_conversations_account"):
        change(unstored, conversation=inspection.conversation(ann))


def test_a_reference_cannot_belong_to_another_accounts_run(ann: Account, bob: Account) -> None:
    run = builders.runs.start(bob)

    with refused("reference_belongs_to_its_runs_account"):
        Reference.objects.create(account=ann, run=run, position=0, kind="text", content="x")


def test_an_attempt_cannot_belong_to_another_accounts_run_or_delivery(ann: Account, bob: Account) -> None:
    run = builders.runs.answered(bob)
    delivery = DeliveryFactory.create(account=bob)

    with refused("run_attempt_belongs_to_its_runs_account"):
        RunAttemptFactory.create(account=ann, run=run, number=2)
    with refused("delivery_attempt_belongs_to_its_deliverys_account"):
        DeliveryAttemptFactory.create(account=ann, delivery=delivery)


def test_public_ids_are_unique_in_their_account_only(ann: Account, bob: Account) -> None:
    for factory, constraint in (
        (RunFactory, "run_id_is_unique_in_its_account"),
        (EventFactory, "event_id_is_unique_in_its_account"),
        (DeliveryFactory, "delivery_id_is_unique_in_its_account"),
        (WebhookEndpointFactory, "endpoint_id_is_unique_in_its_account"),
    ):
        factory.create(account=ann, public_id="same")
        factory.create(account=bob, public_id="same")

        with refused(constraint):
            factory.create(account=ann, public_id="same")


def test_a_messages_id_is_unique_in_its_account_only(ann: Account, bob: Account) -> None:
    one, two = ConversationFactory.create(account=ann), ConversationFactory.create(account=ann)
    MessageFactory.create(conversation=one, public_id="same")
    MessageFactory.create(conversation=ConversationFactory.create(account=bob), public_id="same")

    with refused("message_id_is_unique_in_its_account"):
        MessageFactory.create(conversation=two, public_id="same")


def test_a_reference_has_one_place_and_a_known_kind(ann: Account) -> None:
    run = builders.runs.start(ann)
    Reference.objects.create(account=ann, run=run, position=0, kind="text", content="x")

    with refused("reference_has_one_place_in_its_run"):
        Reference.objects.create(account=ann, run=run, position=0, kind="image", content="y")
    with refused("reference_has_a_known_kind"):
        Reference.objects.create(account=ann, run=run, position=1, kind="video", content="x")


def test_a_conversation_has_at_most_one_run_in_progress(ann: Account) -> None:
    builders.runs.claim(builders.runs.start(ann))
    second = builders.runs.start(ann)

    with refused("conversation_has_at_most_one_active_run"):
        change(second.active, status="in_progress", worker=builders.runs.worker())


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"ended_as": "cancelled"}, "run_has_ended_when_it_says_how"),
        ({"ended_as": "failed", "finished_at": Now()}, "run_says_why_when_failed"),
        ({"ended_as": "completed", "finished_at": Now()}, "run_has_a_known_end"),
        ({"ended_as": "forgotten", "finished_at": Now()}, "run_has_a_known_end"),
    ],
)
def test_a_runs_end_fits_its_other_columns(ann: Account, fields: dict[str, object], constraint: str) -> None:
    run = builders.runs.start(ann)

    with refused(constraint):
        change(run, **fields)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"status": "in_progress"}, "active_run_has_a_worker_exactly_while_in_progress"),
        ({"status": "completed"}, "active_run_has_a_known_status"),
    ],
)
def test_an_active_runs_status_is_known_and_fits_its_worker(
    ann: Account, fields: dict[str, object], constraint: str
) -> None:
    run = builders.runs.start(ann)

    with refused(constraint):
        change(run.active, **fields)


def test_a_run_gives_its_worker_back_when_it_waits_again(ann: Account) -> None:
    run = builders.runs.start(ann)
    builders.runs.claim(run)

    with refused("active_run_has_a_worker_exactly_while_in_progress"):
        change(run.active, status="queued")


def test_an_attempt_is_written_once_with_a_known_outcome(ann: Account) -> None:
    run = builders.runs.answered(ann)
    attempt: dict[str, Any] = {"account": ann, "run": run, "worker_name": "w", "started_at": Now()}

    with refused("run_attempt_is_written_once"):
        RunAttempt.objects.create(**attempt, number=1, outcome="completed")
    with refused("run_attempt_has_a_known_outcome"):
        RunAttempt.objects.create(**attempt, number=2, outcome="good")


def test_a_conversations_id_is_unique_in_its_account_only(ann: Account, bob: Account) -> None:
    Conversation.objects.create(account=ann, public_id="same")
    Conversation.objects.create(account=bob, public_id="same")

    with refused("conversation_id_is_unique_in_its_account"):
        Conversation.objects.create(account=ann, public_id="same")
    with refused("conversation_has_a_public_id"):
        Conversation.objects.create(account=ann, public_id="")


def test_a_deleted_conversation_keeps_nothing(ann: Account) -> None:
    builders.runs.answered(ann, preset="Secret")

    with refused("conversation_keeps_nothing_when_deleted"):
        change(inspection.conversation(ann), deleted_at=Now())
    with refused("conversation_keeps_nothing_when_deleted"):
        change(inspection.conversation(ann), deleted_at=Now(), head=None)


def test_a_preset_has_a_name_and_versions_from_one(ann: Account, bob: Account) -> None:
    Preset.objects.create(account=ann, name="editor", version=1, text="x")
    Preset.objects.create(account=bob, name="editor", version=1, text="x")

    with refused("preset_version_is_unique_in_its_account"):
        Preset.objects.create(account=ann, name="editor", version=1, text="y")
    with refused("preset_versions_count_from_one"):
        Preset.objects.create(account=ann, name="editor", version=0, text="y")
    with refused("preset_has_a_name"):
        Preset.objects.create(account=ann, name="", version=1, text="y")


def test_two_keys_and_two_accounts_cannot_be_the_same(ann: Account, bob: Account) -> None:
    ApiKey.objects.create(account=ann, prefix="sk-1", key_hash=b"h" * 32)

    with refused("conversations_apikey_key_hash_key"):
        ApiKey.objects.create(account=bob, prefix="sk-1", key_hash=b"h" * 32)
    with refused("account_has_a_name"):
        Account.objects.create(name="")
    with refused("conversations_account_name_key"):
        Account.objects.create(name="ann")
