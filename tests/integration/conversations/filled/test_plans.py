"""Queries on a filled database: each reads little more than it gives, and none reads a large table from end to end."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from conversations.models import Account, AssistedRun, Run
from conversations.queries import keyset, runs, tasks
from conversations.queries.money import balances, cost_details, costs
from conversations.queries.webhooks import deliveries, events
from conversations.queries.webhooks.deliveries import DeliveryFilter
from conversations.services.assistants import defaults
from conversations.services.money import balances as money
from conversations.services.money import comparison
from conversations.services.runs import fair_shares, sql
from conversations.values.runs import RunStatus
from conversations.workers import sweep as sweeping
from tests import plans
from tests.integration.conversations.filled.conftest import Filled
from tests.plans import LARGE, costly

pytestmark = pytest.mark.django_db

PAGE = 20
# A page with what belongs to each row. A plan may also read some hundred rows more, and sort them.
ROWS_MAX = 1_200
# Tasks are counted up to a bound (`tasks.COUNT_MAX`). No account here has as many as that.
TASKS_MAX = 2_500
# The admin counts up to 5,001 rows, and looks up what belongs to each. There are 17,000 runs and 30,000 messages.
ADMIN_ROWS_MAX = 11_000

ORDERS = ("pk", "-pk")
Ask = Callable[[Filled], object]


def trace(filled: Filled) -> str:
    return str(filled.task.run.trace_id)


def tasks_of(filled: Filled, **wanted: Any) -> object:
    anything: dict[str, Any] = dict.fromkeys(("task_ids", "trace_ids", "operation", "since", "until"))
    return tasks.page(account_id=filled.ann.pk, **{**anything, **wanted}, offset=0, limit=PAGE)


def runs_of(filled: Filled, *, account: str = "ann", **wanted: Any) -> object:
    anything: dict[str, Any] = dict.fromkeys(("conversation_id", "status", "cursor"))
    return runs.page(account_id=getattr(filled, account).pk, **{**anything, **wanted}, limit=PAGE)


def events_of(filled: Filled, *, account: str = "late", **wanted: Any) -> object:
    anything: dict[str, Any] = dict.fromkeys(("after", "conversation_id", "event_type"))
    return events.page(account_id=getattr(filled, account).pk, **{**anything, **wanted}, limit=PAGE)


def deliveries_of(filled: Filled, *, account: str = "reported", **wanted: Any) -> object:
    owner = getattr(filled, account).pk
    return deliveries.page(account_id=owner, filters=DeliveryFilter(**wanted), cursor=None, limit=PAGE)


def details_of(filled: Filled, *, account: str = "ann", assistant_key: int | None = None) -> object:
    """Of the first half of its time."""
    owner = getattr(filled, account)
    first, last = (
        Run.objects.filter(account=owner).order_by(by).values_list("created_at", flat=True)[0] for by in ORDERS
    )
    between: dict[str, Any] = {"since": first, "until": first + (last - first) / 2}
    more: dict[str, Any] = {"assistant_key": assistant_key, "after_run": None, "limit": PAGE}
    return cost_details.newest(account_id=owner.pk, **between, **more)


def latest_run(account: Account) -> Run:
    return Run.objects.select_related("active", "account").filter(account=account, usage__isnull=False).latest("pk")


QUERIES: list[Any] = [
    pytest.param(lambda f: tasks.find(account_id=f.ann.pk, task_id=f.task.public_id), id="task by id"),
    pytest.param(lambda f: tasks.find(account_id=f.ann.pk, trace_id=trace(f)), id="task by trace"),
    pytest.param(lambda f: tasks_of(f, task_ids=[f.task.public_id]), id="tasks by ids"),
    pytest.param(lambda f: tasks_of(f, trace_ids=[trace(f)]), id="tasks by traces"),
    pytest.param(partial(tasks_of, operation="embedding"), id="tasks, embedding"),
    pytest.param(lambda f: runs.ended_run(f.task.run_id), id="answer of a run"),
    pytest.param(runs_of, id="runs"),
    *(
        pytest.param(partial(runs_of, status=status.value), id=f"runs, {status.value}")
        for status in RunStatus
        if status is not RunStatus.COMPLETED
    ),
    pytest.param(partial(runs_of, status="failed", account="late"), id="failed runs of a late account"),
    pytest.param(lambda f: balances.of_account(account_id=f.paying.pk), id="balance"),
    pytest.param(lambda f: costs.of_run(latest_run(f.paying)), id="cost of a run"),
    pytest.param(partial(details_of, account="paying"), id="costs of answers"),
    pytest.param(partial(details_of, account="late"), id="costs of a late account's answers"),
    pytest.param(lambda f: money.refund(run=latest_run(f.paying), amount=Decimal("0.0000000001")), id="refund"),
    pytest.param(events_of, id="events"),
    pytest.param(partial(events_of, event_type="run.cancelled"), id="events of a rare type"),
    pytest.param(partial(events_of, account="ann"), id="events where there are none"),
    pytest.param(deliveries_of, id="deliveries"),
    pytest.param(partial(deliveries_of, account="late"), id="deliveries of a late account"),
    *(
        pytest.param(partial(deliveries_of, status=status), id=f"deliveries, {status}")
        for status in ("failed", "cancelled")
    ),
]
# What there may be many of, or few and far between, is looked for among so many rows.
LOOKED_THROUGH: list[Any] = [
    pytest.param(partial(runs_of, status="completed"), id="runs, completed"),
    *(
        pytest.param(partial(deliveries_of, status=status), id=f"deliveries, {status}")
        for status in ("pending", "succeeded")
    ),
]


@pytest.mark.parametrize("ask", QUERIES)
def test_the_api_reads_little_more_than_it_shows(filled: Filled, ask: Ask) -> None:
    assert costly(lambda: ask(filled), rows_max=ROWS_MAX) == {}


@pytest.mark.parametrize("of_every", [1, 50], ids=["of all runs", "of few runs"])
def test_costs_of_an_assistants_answers_are_found_by_the_assistant(filled: Filled, of_every: int) -> None:
    assistant = defaults.default_of(account_id=filled.ann.pk)
    AssistedRun.objects.for_account(filled.ann).delete()
    runs_of_ann = Run.objects.filter(account=filled.ann).order_by("pk").values_list("pk", flat=True)
    AssistedRun.objects.bulk_create(
        AssistedRun(run_id=key, account=filled.ann, assistant=assistant, assistant_version=1)
        for key in runs_of_ann[::of_every]
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE conversations_assistedrun")

    assert costly(lambda: details_of(filled, assistant_key=assistant.pk), rows_max=ROWS_MAX) == {}


@pytest.mark.parametrize("ask", LOOKED_THROUGH)
def test_a_filtered_list_looks_through_a_bounded_number_of_rows(filled: Filled, ask: Ask) -> None:
    assert costly(lambda: ask(filled), rows_max=keyset.LOOKED_THROUGH + ROWS_MAX) == {}


def test_a_list_of_a_long_conversations_runs_reads_no_run_of_another(filled: Filled) -> None:
    """A plan may merge them with the conversations before theirs, as long as these are few: here 3,400."""
    assert costly(lambda: runs_of(filled, conversation_id=filled.longest.public_id), rows_max=2 * ROWS_MAX) == {}


def test_a_list_of_tasks_reads_no_more_than_the_tasks(filled: Filled) -> None:
    assert costly(lambda: tasks_of(filled), rows_max=TASKS_MAX) == {}


def test_runs_are_found_by_the_beginning_of_their_ids_without_those_that_came_later(
    filled: Filled, admin_client: Client
) -> None:
    """As those of a day are: they lie together, and behind them all that is newer."""
    first, *_, last = Run.objects.order_by("pk").values_list("public_id", flat=True)[:400]
    oldest = first[: next(place for place, (one, other) in enumerate(zip(first, last, strict=True)) if one != other)]
    address = reverse("admin:conversations_run_changelist")

    assert costly(lambda: shown(admin_client, f"{address}?q={oldest}"), rows_max=ROWS_MAX) == {}


OF_LATE = "account__id__exact={late}"
ADMIN: list[Any] = [
    *("run", "conversation", "event", "delivery"),
    *(f"run?status__exact={status.value}" for status in RunStatus),
    *(f"run?{OF_LATE}&status__exact={status}" for status in ("completed", "failed", "incomplete")),
    f"run?{OF_LATE}",
    f"conversation?{OF_LATE}",
    "conversation?state=deleted",
    "conversation?q={longest}",
    "conversation?q=a",
    "run?q=run_",
    # Written by hand: the lists have no such links.
    "run?o=4",
    "delivery?o=-6",
    f"event?{OF_LATE}",
    "event?event_type=run.cancelled",
    "delivery?status__exact=failed",
    "delivery?status__exact=pending",
    "delivery?event_type=run.cancelled",
    f"delivery?{OF_LATE}",
    *("balance", "balance?q=filled 0002", "ledgerentry", "ledgerdifference", "price", "price?valid=now"),
    "ledgerentry?account__id__exact={paying}",
    "ledgerentry?o=4",
]


@pytest.mark.parametrize("page", ADMIN)
def test_the_admins_lists_read_little_more_than_they_show(filled: Filled, admin_client: Client, page: str) -> None:
    names = {"late": filled.late.pk, "paying": filled.paying.pk, "longest": filled.longest.public_id}
    kind, _, query = page.format(**names).partition("?")
    address = reverse(f"admin:conversations_{kind}_changelist")

    assert costly(lambda: shown(admin_client, f"{address}?{query}"), rows_max=ADMIN_ROWS_MAX) == {}


def shown(client: Client, address: str) -> None:
    assert client.get(address).status_code == 200, address


def test_the_admins_page_of_a_long_conversation_reads_a_page_of_it(filled: Filled, admin_client: Client) -> None:
    address = reverse("admin:conversations_conversation_change", args=[filled.longest.pk])

    assert costly(lambda: shown(admin_client, address), rows_max=1_000) == {}


def test_a_sweep_reads_only_what_it_has_to_do(filled: Filled, valkey: object) -> None:
    sweeping.sweep()

    assert costly(sweeping.sweep, rows_max=ROWS_MAX) == {}


def test_deleting_a_message_looks_for_its_replies_alone(filled: Filled) -> None:
    """As the foreign key of `parent` does for every message that is deleted."""
    replies = "SELECT 1 FROM ONLY conversations_message WHERE conversation_id = %s AND parent_id = %s FOR KEY SHARE"

    nodes = plans.plan_of(replies, [filled.longest.pk, filled.longest.head_id], analyze=True)

    assert plans.rows_read(nodes) <= 5


def test_a_turn_reads_no_table_from_end_to_end(filled: Filled) -> None:
    run = Run.objects.filter(conversation=filled.longest).latest("pk")
    claim: dict[str, Any] = {
        "run_id": run.pk,
        "account_id": run.account_id,
        "worker_id": 1,
        "newest": 16,
        **fair_shares.LIMITS,
    }
    thread = {"account_id": run.account_id, "conversation_id": filled.longest.pk}
    older = {**thread, "message_id": filled.longest.head_id, "budget": 4_000}

    found = {
        name: plans.read_from_end_to_end(plans.plan_of(statement, parameters)) & LARGE
        for name, statement, parameters in (("CLAIM", sql.CLAIM, claim), ("OLDER", sql.OLDER, older))
    }

    assert found == {"CLAIM": set(), "OLDER": set()}


def test_a_part_of_a_ledger_is_read_by_its_account(filled: Filled) -> None:
    nodes = plans.plan_of(comparison.PART, {"account_id": filled.paying.pk, "after": 0, "most": 100}, analyze=True)

    assert plans.rows_read(nodes) <= 2 * 100


def test_the_planner_knows_the_filled_tables(filled: Filled) -> None:
    """Without statistics it would guess, and the plans here would say nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'conversations_message'")
        [known] = cursor.fetchone()

    assert known >= 30_000
