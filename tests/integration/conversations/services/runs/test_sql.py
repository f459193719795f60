"""How PostgreSQL carries out the hot path's statements."""

from typing import Any

import pytest
import redis
from django.db import connection
from psycopg import _queries

from conversations.models import Account, Run
from conversations.services.runs import fair_shares, sql
from tests import builders, plans
from tests.builders.factories import AccountFactory

pytestmark = pytest.mark.django_db


MANY_ENDED = """
INSERT INTO conversations_run (account_id, public_id, channel, trace_id, dialect, model, context_window, finished_at)
SELECT account_id, 'run_' || n, channel, trace_id, dialect, model, context_window, finished_at
FROM conversations_run, generate_series(1, 3000) AS n
"""
MANY_WAITING = """
INSERT INTO conversations_activerun (run_id, account_id, conversation_id)
SELECT -n, r.account_id, r.conversation_id - n FROM conversations_run r, generate_series(1, 30000) AS n
WHERE r.id = %s
"""


@pytest.fixture
def ended() -> Run:
    """One of many; many others wait, and the planner believes that none does."""
    run = builders.runs.answered(AccountFactory.create(name="ann"))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE conversations_activerun")
        cursor.execute(MANY_WAITING, [run.pk])
        cursor.execute(MANY_ENDED)
        cursor.execute("ANALYZE conversations_run")
    return run


def plan(statement: str, **parameters: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", parameters)
        return "\n".join(line for (line,) in cursor.fetchall())


def test_a_claim_finds_its_run_by_the_primary_key_however_many_wait(ended: Run) -> None:
    found = plan(
        sql.CLAIM,
        account_id=ended.account_id,
        run_id=ended.pk,
        worker_id=builders.runs.worker(),
        newest=8,
        **fair_shares.LIMITS,
    )

    assert "Index Scan using conversations_activerun_pkey on conversations_activerun a" in found
    assert "Index Cond: (conversation_id = a.conversation_id)" in found
    assert "active_run_waiting" not in found
    assert "Seq Scan on conversations_run " not in found


def test_a_finish_finds_its_run_by_the_primary_key_however_many_are_running(ended: Run) -> None:
    rest = dict.fromkeys(
        (
            *("answer", "usage", "attempt_usage", "error_code", "error_message", "error_facts", "first_token_age"),
            *("worker_name", "upstream_request_id"),
        )
    )

    found = plan(
        sql.FINISH,
        **rest,
        account_id=ended.account_id,
        run_id=ended.pk,
        attempt=1,
        ended_as="",
        attempt_outcome="completed",
        upstream_calls=1,
        target="",
        moves=None,
        messages="[]",
        is_reported=False,
    )

    assert "Index Scan using conversations_activerun_pkey on conversations_activerun a" in found
    assert "Seq Scan on conversations_run " not in found
    assert "conversation_has_at_most_one_active_run" not in found
    assert "active_run_waiting" not in found


# As migration 0018 does.
PAGES = """
INSERT INTO conversations_activerun (run_id, account_id) SELECT -n, 0 FROM generate_series(1, 2000) AS n;
DELETE FROM conversations_activerun WHERE run_id < 0;
"""
MANY_MORE = """
WITH made AS (
  INSERT INTO conversations_conversation (account_id, public_id) SELECT %(account)s, 'c' || n FROM numbers
  RETURNING id
), runs AS (
  INSERT INTO conversations_run (account_id, conversation_id, public_id, channel, trace_id, dialect, model,
                                 context_window, finished_at)
  SELECT %(account)s, id, 'run_' || id, 'c', gen_random_uuid(), 'aichat', 'echo', 8000, now() FROM made
)
INSERT INTO conversations_activerun (run_id, account_id, conversation_id) SELECT -n, %(account)s + n, -n FROM numbers
"""
NUMBERS = "CREATE TEMPORARY TABLE numbers ON COMMIT DROP AS SELECT generate_series(1, 3000) AS n"
TABLES = (
    *("conversations_conversation", "conversations_run", "conversations_activerun", "conversations_message"),
    *("conversations_visitor", "conversations_visitoridentity", "conversations_dialogue"),
)
MANY_VISITORS = """
WITH made AS (
  INSERT INTO conversations_visitor (account_id, public_id, attributes)
  SELECT %(account)s, 'vis_' || n, '{}' FROM numbers RETURNING id
)
INSERT INTO conversations_visitoridentity (account_id, external_id, visitor_id) SELECT %(account)s, id, id FROM made
"""


@pytest.mark.parametrize("is_analysed", [True, False], ids=["known to be empty", "not known"])
def test_plans_made_while_the_tables_were_empty_read_few_rows_of_full_ones(
    ann: Account, valkey: redis.Redis, is_analysed: bool
) -> None:
    """A connection keeps its plans until the tables are analysed, which a new service waits a minute for."""
    helper = builders.visitors.assistant(ann)
    with connection.cursor() as cursor:
        cursor.execute(PAGES)
        if is_analysed:
            cursor.execute("ANALYZE conversations_activerun")
        builders.runs.answered(ann, "1")
        builders.visitors.ask(ann, of=helper)
        cursor.execute(NUMBERS)
        cursor.execute(MANY_MORE, {"account": ann.pk})
        cursor.execute(MANY_VISITORS, {"account": ann.pk})

    assert plans.rows_fetched(lambda: builders.runs.answered(ann, "2"), TABLES) < 100
    for number in range(2):
        assert plans.rows_fetched(lambda: builders.visitors.ask(ann, "new", of=helper), TABLES) < 100, number


def test_statements_are_planned_once_for_all_values(ann: Account, valkey: redis.Redis) -> None:
    """PostgreSQL's own choice depends on statistics: now and then it plans anew for each execution, for ever."""
    for number in range(3):
        builders.runs.answered(ann, str(number))

    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(custom_plans), max(generic_plans) >= 3 FROM pg_prepared_statements")
        assert cursor.fetchone() == (0, True)


@pytest.mark.parametrize("statement", ["START_STORED", "START_UNSTORED", "CLAIM", "FINISH"])
def test_no_statement_is_so_long_that_psycopg_would_read_it_anew_each_time(statement: str) -> None:
    assert len(getattr(sql, statement)) <= _queries.MAX_CACHED_STATEMENT_LENGTH
