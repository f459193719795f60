"""How PostgreSQL carries out the hot path's statements."""

from typing import Any

import pytest
from django.db import connection
from psycopg import _queries

from conversations.models import Run
from conversations.services.runs import fair_shares, sql
from tests import builders
from tests.builders.factories import AccountFactory

pytestmark = pytest.mark.django_db


MANY_MORE = """
INSERT INTO conversations_run (account_id, public_id, channel, trace_id, dialect, model, context_window, status,
                               finished_at)
SELECT account_id, 'run_' || n, channel, trace_id, dialect, model, context_window, status, finished_at
FROM conversations_run, generate_series(1, 3000) AS n
"""


@pytest.fixture
def ended() -> Run:
    """One of many, and none is waiting or in progress."""
    run = builders.runs.answered(AccountFactory.create(name="ann"))
    with connection.cursor() as cursor:
        cursor.execute(MANY_MORE)
        cursor.execute("ANALYZE conversations_run")
    return run


def plan(statement: str, **parameters: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", parameters)
        return "\n".join(line for (line,) in cursor.fetchall())


def test_a_claim_finds_its_run_by_the_primary_key_however_many_wait(ended: Run) -> None:
    found = plan(sql.CLAIM, run_id=ended.pk, worker_id=builders.runs.worker(), newest=8, **fair_shares.LIMITS)

    assert "Index Scan using conversations_run_pkey on conversations_run r " in found
    assert "run_waiting" not in found


def test_a_finish_finds_its_run_by_the_primary_key_however_many_are_running(ended: Run) -> None:
    rest = dict.fromkeys(
        (
            *("answer", "usage", "error_code", "error_message", "error_facts", "first_token_age"),
            *("worker_name", "upstream_request_id"),
        )
    )

    found = plan(
        sql.FINISH,
        **rest,
        run_id=ended.pk,
        attempt=1,
        status="completed",
        outcome="completed",
        upstream_calls=1,
        messages="[]",
        is_reported=False,
    )

    assert "Index Scan using conversations_run_pkey on conversations_run r " in found
    assert "conversation_has_at_most_one_active_run" not in found


@pytest.mark.parametrize("statement", ["START_STORED", "START_UNSTORED", "CLAIM", "FINISH"])
def test_no_statement_is_so_long_that_psycopg_would_read_it_anew_each_time(statement: str) -> None:
    assert len(getattr(sql, statement)) <= _queries.MAX_CACHED_STATEMENT_LENGTH
