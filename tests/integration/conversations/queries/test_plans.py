"""Pages and look-ups in long tables read little more than they give, whoever's rows they are and wherever these lie."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from conversations.models import Account, WebhookEndpoint
from conversations.queries import keyset, runs, tasks
from conversations.queries.webhooks import deliveries, events
from conversations.queries.webhooks.deliveries import DeliveryFilter
from conversations.services.retention import batches
from conversations.services.retention.kinds import kinds
from tests import plans
from tests.builders.factories import AccountFactory, ConversationFactory, WebhookEndpointFactory

ROWS = 40_000
# Of a page of twenty, with what it joins. None comes near a share of the rows.
FEW = 400
LONG_TABLES = {"conversations_run", "conversations_event", "conversations_delivery", "conversations_task"}

# Nine in ten rows are the crowd's. The early account has the first twentieth of all rows, the late one the last. Every
# thousandth is of a rare kind. A row was made every minute, until now.
FILL = """
SET LOCAL session_replication_role = replica;
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT 1000000 + i AS id, now() - (%(rows)s - i) * interval '1 minute' AS at, i %% 1000 = 7 AS is_rare,
       md5(i::text)::uuid AS trace_id,
       CASE WHEN i <= %(rows)s / 20 THEN 'early' WHEN i > %(rows)s - %(rows)s / 20 THEN 'late' ELSE 'crowd' END AS who
FROM generate_series(1, %(rows)s) i;
INSERT INTO conversations_run (id, account_id, conversation_id, public_id, channel, trace_id, dialect, model,
  context_window, request, ended_as, error_code, attempt, created_at, finished_at)
SELECT m.id, a.id, CASE WHEN m.id %% 3 > 0 THEN c.id END, 'run_' || m.id, 'x', m.trace_id, 'aichat', 'echo', 8000,
       '{}', CASE WHEN is_rare THEN 'failed' ELSE '' END, CASE WHEN is_rare THEN 'x' ELSE '' END, 1, at, at
FROM made m JOIN conversations_account a ON a.name = who JOIN conversations_conversation c ON c.account_id = a.id
ORDER BY m.id;
INSERT INTO conversations_task (account_id, run_id, public_id, trace_id, operation, is_stored, created_at)
SELECT account_id, id, 'task-' || id, trace_id, CASE WHEN ended_as = 'failed' THEN 'embedding' ELSE 'chat' END,
       conversation_id IS NOT NULL, created_at
FROM conversations_run ORDER BY id;
INSERT INTO conversations_event (id, account_id, conversation_id, run_id, public_id, type, sequence, created_at)
SELECT id, account_id, conversation_id, id, 'evt_' || id,
       CASE WHEN ended_as = 'failed' THEN 'run.failed' ELSE 'run.completed' END, id, created_at
FROM conversations_run ORDER BY id;
INSERT INTO conversations_delivery
  (id, account_id, public_id, kind, endpoint_id, event_id, run_id, url, receiver, status, created_at, finished_at)
SELECT e.id, e.account_id, 'dlv_' || e.id, 'endpoint', w.id, e.id, e.run_id, 'https://a.example/',
       'https://a.example:443', CASE WHEN e.type = 'run.failed' THEN 'failed' ELSE 'succeeded' END, e.created_at,
       e.created_at
FROM conversations_event e JOIN conversations_webhookendpoint w ON w.account_id = e.account_id ORDER BY e.id;
ANALYZE conversations_run; ANALYZE conversations_task; ANALYZE conversations_event; ANALYZE conversations_delivery;
"""

Ask = Callable[[Account], object]


@pytest.fixture
def accounts(db: None) -> dict[str, Account]:
    made = {name: AccountFactory.create(name=name) for name in ("early", "crowd", "late")}
    for owner in made.values():
        ConversationFactory.create(account=owner, public_id="thread")
        WebhookEndpointFactory.create(account=owner)
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"rows": ROWS})
    return made


def run_page(**given: Any) -> Ask:
    wanted = {"conversation_id": None, "status": None, "cursor": None, "limit": 20, **given}
    return lambda owner: runs.page(account_id=owner.pk, **wanted)


def event_page(**given: Any) -> Ask:
    wanted = {"after": None, "conversation_id": None, "event_type": None, "limit": 20, **given}
    return lambda owner: events.page(account_id=owner.pk, **wanted)


def delivery_page(**given: Any) -> Ask:
    return lambda owner: deliveries.page(account_id=owner.pk, filters=DeliveryFilter(**given), cursor=None, limit=20)


def endpoint_page(owner: Account) -> object:
    return delivery_page(endpoint_id=WebhookEndpoint.objects.get(account=owner).public_id)(owner)


ALL_TASKS: dict[str, Any] = {
    **dict.fromkeys(("task_ids", "trace_ids", "operation", "since", "until")),
    "offset": 0,
    "limit": 12,
}


def task_page(**given: Any) -> Ask:
    return lambda owner: tasks.page(account_id=owner.pk, **{**ALL_TASKS, **given})


def ago(**since: float) -> datetime:
    return datetime.now(UTC) - timedelta(**since)


ASKED: dict[str, Ask] = {
    "runs": run_page(),
    "runs of a conversation": run_page(conversation_id="thread"),
    "completed runs": run_page(status="completed"),
    "events": event_page(),
    "events of a conversation": event_page(conversation_id="thread"),
    "events of a conversation, after one": event_page(conversation_id="thread", after="1020000"),
    "events of the usual type": event_page(event_type="run.completed"),
    "events of a rare type": event_page(event_type="run.failed"),
    "events of a type that is not there": event_page(event_type="run.cancelled"),
    "deliveries": delivery_page(),
    "failed deliveries": delivery_page(status="failed"),
    "deliveries to an endpoint": endpoint_page,
    "deliveries of a run": delivery_page(run_id="run_1000100"),
    "deliveries since": delivery_page(since=ago(minutes=5)),
    "deliveries until": delivery_page(until=ago(days=14)),
    "deliveries between": delivery_page(since=ago(days=14, minutes=9), until=ago(days=14)),
}


# What a filtered page looks through at most.
BOUNDED = {"completed runs", "events of the usual type"}


def test_a_page_reads_little_more_than_it_shows(accounts: dict[str, Account]) -> None:
    assert expensive(ASKED, accounts) == {}


TASKS: dict[str, Ask] = {
    "by trace id": lambda owner: tasks.find(account_id=owner.pk, trace_id=TRACE),
    "by id": lambda owner: tasks.find(account_id=owner.pk, task_id="task-1000100"),
    "by an unknown trace id": lambda owner: tasks.find(account_id=owner.pk, trace_id=str(uuid.UUID(int=1))),
    "by trace ids": task_page(trace_ids=[str(uuid.UUID(int=number)) for number in range(100)]),
    "by ids": task_page(task_ids=[f"task-{1_000_000 + number}" for number in range(100)]),
    "of a rare operation": task_page(operation="embedding"),
    "of an unknown operation": task_page(operation="images"),
    "of a time": task_page(since=ago(days=14, minutes=9), until=ago(days=14)),
    "of an operation and a time": task_page(operation="chat", since=ago(days=14, minutes=9), until=ago(days=14)),
}
# Of the hundredth run.
TRACE = "f899139d-f5e1-0593-9643-1415e770c6dd"


def test_tasks_are_found_without_reading_those_of_others(accounts: dict[str, Account]) -> None:
    assert expensive(TASKS, accounts) == {}

    found = tasks.find(account_id=accounts["early"].pk, trace_id=TRACE)
    assert found is not None
    assert (found.task_id, found.trace_id) == ("task-1000100", TRACE)
    assert tasks.find(account_id=accounts["late"].pk, trace_id=TRACE) is None


def expensive(asked: dict[str, Ask], accounts: dict[str, Account]) -> dict[tuple[str, str], list[tuple[str, int]]]:
    """What reads a long table from end to end, or more rows than it may, by the question and who asked it."""
    found = {}
    for name, ask in asked.items():
        most = keyset.LOOKED_THROUGH + FEW if name in BOUNDED else FEW
        for who, owner in accounts.items():
            bad = [(sql, rows) for sql, rows, whole in queries(partial(ask, owner)) if rows > most or whole]
            if bad:
                found[name, who] = bad
    return found


def test_tasks_are_counted_up_to_a_bound(accounts: dict[str, Account]) -> None:
    counted = {name: tasks.page(account_id=owner.pk, **ALL_TASKS).count for name, owner in accounts.items()}

    assert counted == {"early": ROWS // 20, "crowd": tasks.COUNT_MAX, "late": ROWS // 20}
    ran = queries(partial(task_page(offset=10_000), accounts["crowd"]))
    assert max(rows for _, rows, _ in ran) <= 2 * 10_000


def test_a_filtered_page_ends_after_so_many_rows_and_says_where_to_go_on(accounts: dict[str, Account]) -> None:
    owner = accounts["crowd"]
    cursor, shown, pages = None, 0, 0
    while pages == 0 or cursor is not None:
        found = deliveries.page(
            account_id=owner.pk, filters=DeliveryFilter(event_type="run.failed"), cursor=cursor, limit=100
        )
        cursor, shown, pages = found.next_cursor, shown + len(found.rows), pages + 1

    assert shown == ROWS * 9 // 10 // 1_000
    assert pages == ROWS * 9 // 10 // keyset.LOOKED_THROUGH + 1


def test_old_rows_are_found_by_an_index(accounts: dict[str, Account]) -> None:
    for kind in kinds():
        for _, rows, whole in queries(partial(batches.delete_next, kind, most=50)):
            assert not whole, kind.name
            assert rows <= FEW, kind.name


def queries(ask: Callable[[], object]) -> list[tuple[str, int, set[str]]]:
    """Each SELECT that is asked, how many rows it reads, and the long tables that it reads from end to end."""
    asked = [sql for sql in plans.queries_of(ask) if sql.lstrip().startswith(("SELECT", "WITH RECURSIVE"))]
    read = [(sql, plans.plan_of(sql, analyze=True)) for sql in asked]
    return [(sql, plans.rows_read(nodes), plans.read_from_end_to_end(nodes) & LONG_TABLES) for sql, nodes in read]
