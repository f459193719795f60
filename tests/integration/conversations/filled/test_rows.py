"""What `fill` writes is what a service would have written: every link, count and stored form is right."""

from typing import Any

import orjson
import pytest
from django.db import connection
from django.db.models import Count, F, Max, Min, Model, Q
from django.test import Client
from django.urls import reverse

from conversations import errors
from conversations.models import (
    Account,
    ActiveRun,
    Assistant,
    AssistantVersion,
    AssistedRun,
    Balance,
    Conversation,
    Delivery,
    Dialogue,
    Event,
    Intent,
    LedgerEntry,
    Message,
    Run,
    Tally,
    Task,
    Visitor,
    WebhookEndpoint,
)
from conversations.queries import runs as run_queries
from conversations.queries import tasks as task_queries
from conversations.queries.webhooks import deliveries as delivery_queries
from conversations.queries.webhooks import events as event_queries
from conversations.queries.webhooks.deliveries import DeliveryFilter
from conversations.resources.runs.runs import RUN_PAGE
from conversations.resources.webhooks.events import EVENT_PAGE
from conversations.rules.conversations import resent_history
from conversations.services.accounts import tallies
from conversations.services.money import reconcile
from conversations.services.sample_data import fill, proportions
from conversations.services.sample_data.context import people
from conversations.services.sample_data.fill import Filling
from conversations.services.sample_data.wave import TABLES
from conversations.values.requests import Operation
from conversations.values.runs import ACTIVE, RunStatus
from conversations.workers import retention
from conversations.workers.sweep import sweep
from providers import serialization
from providers.messages import Message as MessageValue
from providers.messages import Role
from tests import builders
from tests.integration.conversations import inspection
from tests.integration.conversations.filled.conftest import FILLING, Filled

pytestmark = pytest.mark.django_db


def test_every_kind_of_row_is_there(filled: Filled) -> None:
    counts = {model.__name__: model._default_manager.count() for model in TABLES}

    assert {name for name, count in counts.items() if count < 20} == set()
    assert FILLING.messages <= counts["Message"] == filled.progress[-1] < FILLING.messages * 1.01
    assert counts["RunAttempt"] > counts["Run"]


def test_no_run_is_active_and_every_other_status_is_there(filled: Filled) -> None:
    found = {status.value: Run.objects.with_status(status).count() for status in RunStatus}

    assert {status for status, number in found.items() if not number} == set(ACTIVE)
    assert ActiveRun.objects.count() == Run.objects.filter(finished_at=None).count() == 0
    assert sum(found.values()) == Run.objects.count()
    assert 0.9 < found["completed"] / sum(found.values()) < 0.98


def test_one_account_has_its_share_and_one_comes_late(filled: Filled) -> None:
    turns = Run.objects.filter(conversation__isnull=False)
    share = turns.filter(account=filled.ann).count() / turns.count()

    # With the longest conversation, which is its own.
    assert proportions.NAMED_SHARE - 0.1 < share < proportions.NAMED_SHARE + 0.15
    late = turns.filter(account=filled.late)
    assert late.count() > 10
    assert turns.filter(pk__lt=late.earliest("pk").pk).count() > 0.85 * turns.count()


def test_the_longest_conversation_is_one_thread_with_branches_beside_it(filled: Filled) -> None:
    messages = filled.longest.messages.count()

    assert abs(messages - FILLING.longest) < FILLING.longest * 0.05
    forks = filled.longest.messages.values("parent").annotate(number=Count("pk")).filter(number__gt=1)
    assert forks.count() > 3
    parents = dict(filled.longest.messages.values_list("pk", "parent_id"))
    path: list[Any] = [filled.longest.head_id]
    while (parent := parents[path[-1]]) is not None:
        path.append(parent)
    assert messages * 0.9 < len(path) < messages


def test_counts_and_sequences_are_what_the_service_goes_on_from(filled: Filled) -> None:
    counted = Account.objects.annotate(number=Count("conversations")).exclude(number=F("conversation_count"))
    assert list(counted) == []
    assert Tally.objects.get(name="conversations").counted_to == Conversation.objects.latest("pk").pk

    later = builders.runs.start(filled.reported, conversation_id="a new one")

    assert later.pk > Run.objects.exclude(pk=later.pk).latest("pk").pk


def test_events_of_a_conversation_and_of_an_account_are_numbered_without_a_gap(filled: Filled) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT c.event_sequence, count(*) AS number, max(e.sequence) AS newest"
            " FROM conversations_event e JOIN conversations_conversation c ON c.id = e.conversation_id GROUP BY c.id"
            ") AS one WHERE event_sequence <> number OR number <> newest"
        )
        [wrong] = cursor.fetchone()
    own = Event.objects.filter(conversation=None, account=filled.reported).aggregate(Count("pk"), Max("sequence"))

    assert wrong == 0
    assert own["pk__count"] == own["sequence__max"] == Account.objects.get(pk=filled.reported.pk).event_sequence > 0


def test_some_conversations_are_of_a_visitor_with_an_assistant(filled: Filled) -> None:
    """A newcomer finds people in the admin; their runs say of whom they are, and of whose words."""
    dialogues = Dialogue.objects.filter(assistant__isnull=False, visitor__isnull=False)
    share = dialogues.count() / Conversation.objects.count()
    own = Visitor.objects.for_account(filled.ann)
    asked = AssistedRun.objects.values("visitor").annotate(first=Min("run__created_at"), last=Max("run__created_at"))

    assert proportions.VISITOR_SHARE * 0.8 < share < proportions.VISITOR_SHARE * 1.2
    assert Run.objects.filter(conversation__in=dialogues.values("conversation"), assisted=None).count() == 0
    assert set(own.values_list("name", flat=True)) == set(people.NAMES)
    assert Assistant.objects.count() == len(people.ASSISTANTS) * FILLING.accounts
    assert Intent.objects.for_account(filled.ann).count() == len(people.INTENTS)
    assert {one["visitor"]: (one["first"], one["last"]) for one in asked} == {
        pk: (first, last)
        for pk, first, last in Visitor.objects.values_list("pk", "first_seen_at", "last_seen_at")
        if first is not None
    }
    for assisted in AssistedRun.objects.select_related("run", "visitor", "assistant")[:50]:
        versions = AssistantVersion.objects.filter(assistant=assisted.assistant)
        prompts = dict(versions.values_list("number", "prompt"))
        assert assisted.run.preset_text == prompts[assisted.assistant_version or 0]


def test_events_say_whose_a_run_is(filled: Filled) -> None:
    asked = AssistedRun.objects.for_account(filled.reported).select_related("visitor").latest("pk")
    assert asked.visitor is not None

    [event] = Event.objects.filter(run=asked.pk)

    assert orjson.loads(event.payload or "")["data"]["visitor"] == asked.visitor.public_id


def test_what_is_not_stored_keeps_no_text_unless_something_refers_to_it(filled: Filled) -> None:
    unstored = Run.objects.filter(conversation=None)

    unreferred = unstored.filter(task=None, idempotency_keys=None)
    assert unreferred.exclude(request=None, answer=None, preset_text=None).count() == 0
    assert unstored.filter(Q(task__isnull=False) | Q(idempotency_keys__isnull=False), request=None).count() == 0
    assert unreferred.count() > 100


def test_the_api_shows_every_row(filled: Filled) -> None:
    nothing: dict[str, Any] = {"status": None, "cursor": None, "limit": 100}
    runs = run_queries.page(account_id=filled.ann.pk, conversation_id=None, **nothing)
    events = event_queries.page(
        account_id=filled.reported.pk, after=None, conversation_id=None, event_type=None, limit=100
    )
    deliveries = delivery_queries.page(account_id=filled.reported.pk, filters=DeliveryFilter(), cursor=None, limit=100)

    assert len(RUN_PAGE.to_representation({"results": runs.rows, "next": None})["results"]) == 100
    shown = EVENT_PAGE.to_representation({"results": events.rows, "next": None})["results"]
    assert [event["sequence"] for event in shown] == [event.sequence for event in events.rows]
    assert len(deliveries.rows) == 100


def test_the_admin_shows_a_row_of_every_kind(filled: Filled, admin_client: Client) -> None:
    own = Run.objects.for_account(filled.reported)
    rows: list[Model] = [
        *(own.with_status(status).latest("pk") for status in ("completed", "failed", "cancelled")),
        own.filter(conversation=None).latest("pk"),
        Event.objects.for_account(filled.reported).latest("pk"),
        *(Delivery.objects.filter(status=status).latest("pk") for status in ("succeeded", "failed", "cancelled")),
        Delivery.objects.filter(kind="callback").latest("pk"),
        WebhookEndpoint.objects.for_account(filled.reported).latest("pk"),
        filled.longest,
        filled.reported,
        own.filter(assisted__isnull=False).latest("pk"),
        Conversation.objects.for_account(filled.reported).filter(dialogue__isnull=False).latest("pk"),
        *(model.objects.for_account(filled.reported).latest("pk") for model in (Assistant, Intent, Visitor)),
    ]

    pages = {str(row): reverse(f"admin:conversations_{row._meta.model_name}_change", args=[row.pk]) for row in rows}

    assert {name: admin_client.get(page).status_code for name, page in pages.items()} == dict.fromkeys(pages, 200)


@pytest.mark.parametrize("operation", list(Operation))
def test_tasks_of_every_operation_are_polled(filled: Filled, operation: Operation) -> None:
    tasks = Task.objects.select_related("run__conversation").filter(operation=operation.value)[:50]

    polled = [task_queries.state(task) for task in tasks]

    assert polled
    assert [str(task.trace_id) for task in tasks] == [state.trace_id for state in polled]
    assert {state.operation for state in polled} == {operation}
    assert all(state.error or state.text or state.document for state in polled)


def test_every_message_has_the_digest_of_what_it_says(filled: Filled) -> None:
    assert not Message.objects.filter(digest=None).exists()
    for message in filled.longest.messages.order_by("pk")[:100]:
        said = MessageValue(Role(message.role), serialization.load_parts(message.parts))
        assert message.digest == resent_history.digest(said)


def test_a_filled_conversation_goes_on(filled: Filled) -> None:
    conversations = Conversation.objects.for_account(filled.ann).exclude(head=None)
    public_id = conversations.annotate(turns=Count("runs")).filter(turns=3).earliest("pk").public_id
    before = inspection.thread(filled.ann, public_id)

    run = builders.runs.answered(filled.ann, "And then?", "The end.", conversation_id=public_id)

    assert run.status == "completed"
    assert inspection.thread(filled.ann, public_id) == [*before, "And then?", "The end."]


def test_a_sweep_and_a_round_of_retention_find_nothing_to_do(filled: Filled, valkey: object) -> None:
    def state() -> dict[str, int]:
        return {
            **{model.__name__: model._default_manager.count() for model in TABLES},
            "runs without content": Run.objects.filter(request=None).count(),
            "events without content": Event.objects.filter(payload=None).count(),
            "callbacks without content": Delivery.objects.filter(kind="callback", body=None).count(),
        }

    before = state()

    sweep()
    assert retention.delete_old(seconds=60)

    assert state() == before


def test_the_same_seed_makes_the_same_rows(filled: Filled) -> None:
    tallies.count_at_once()
    small = Filling(messages=100, accounts=3, seed=7)
    newest = Run.objects.latest("pk").pk

    made = []
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT before_filling")
            fill.fill(small, progress=lambda _: None)
            rows = Message.objects.filter(run__gt=newest).order_by("pk")
            made.append(list(rows.values_list("role", "parts", "tokens")))
            cursor.execute("ROLLBACK TO SAVEPOINT before_filling")

    assert made[0] == made[1]
    assert len(made[0]) >= 100


def test_too_few_accounts_are_refused(filled: Filled) -> None:
    with pytest.raises(errors.InvalidRequest, match="at least 3 accounts"):
        fill.fill(Filling(messages=10, accounts=2), progress=lambda _: None)


def test_balances_are_what_the_ledger_adds_up_to(filled: Filled) -> None:
    runs = LedgerEntry.objects.filter(kind="reserve")

    assert reconcile.reconcile() == 0
    assert Balance.objects.count() == (FILLING.accounts - 1) // 2
    assert runs.count() == Run.objects.filter(account__balance__isnull=False).count() > 1_000
    assert not Balance.objects.filter(account=filled.ann).exists()
