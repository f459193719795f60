"""The upgrade to active runs, of a database in which the last release had runs of every status, and the way back."""

from collections.abc import Callable
from typing import Any

import psycopg

BEFORE = """
INSERT INTO conversations_account (id, public_id, name, is_active) VALUES (1, 'acc_1', 'ann', true);
INSERT INTO conversations_worker (id, name, queue) VALUES (1, 'w1', 'runs');
INSERT INTO conversations_conversation (id, account_id, public_id) VALUES (1, 1, 'thread');
INSERT INTO conversations_run (id, account_id, conversation_id, public_id, channel, trace_id, dialect, model,
  context_window, request, is_streamed, status, attempt, attempts_lost, worker_id, woken_at, claimed_at, finished_at,
  cancel_requested_at, error_code)
SELECT id, 1, conversation_id, 'run_' || id, 'c', gen_random_uuid(), 'aichat', 'echo', 8000,
       CASE WHEN status <> 'cancelled' THEN '{"a": 1}'::jsonb END,
       status = 'in_progress', status, attempt, lost, worker_id, CASE WHEN id <> 2 THEN now() END,
       CASE WHEN attempt > 0 THEN now() END, CASE WHEN id > 3 THEN now() END, CASE WHEN id = 3 THEN now() END, code
FROM (VALUES
  (1, 1, 'queued', 1, 1, NULL, ''), (2, NULL, 'queued', 0, 0, NULL, ''), (3, 1, 'in_progress', 2, 1, 1, ''),
  (4, 1, 'completed', 1, 0, NULL, ''), (5, NULL, 'completed', 1, 0, NULL, ''),
  (6, 1, 'failed', 3, 2, NULL, 'upstream_failed'), (7, NULL, 'cancelled', 0, 0, NULL, 'run_cancelled'),
  (20000, 1, 'incomplete', 1, 0, NULL, 'deadline_exceeded')
) AS made(id, conversation_id, status, attempt, lost, worker_id, code);
"""
OLD_STATE = """
SELECT id, status, attempt, attempts_lost, worker_id, is_streamed, woken_at, claimed_at, finished_at,
       cancel_requested_at
FROM conversations_run WHERE finished_at IS NULL ORDER BY id
"""


def test_runs_of_every_status_are_taken_over_and_given_back(
    database: psycopg.Connection[Any], migrate: Callable[[str], None]
) -> None:
    migrate("0016")
    database.execute(BEFORE)
    before = database.execute(OLD_STATE).fetchall()

    migrate("0019")

    active = """SELECT run_id, status, attempt, attempts_lost, worker_id, is_streamed, woken_at, claimed_at,
                       NULL::timestamptz, cancel_requested_at FROM conversations_activerun ORDER BY run_id"""
    assert [row[:4] for row in before] == [(1, "queued", 1, 1), (2, "queued", 0, 0), (3, "in_progress", 2, 1)]
    assert database.execute(active).fetchall() == before
    ended = "SELECT id, ended_as, forget_after > now() FROM conversations_run ORDER BY id"
    assert database.execute(ended).fetchall() == [
        *((1, "", None), (2, "", True), (3, "", None), (4, "", None), (5, "", True)),
        *((6, "failed", None), (7, "cancelled", None), (20000, "incomplete", None)),
    ]

    migrate("0016")

    assert database.execute(OLD_STATE).fetchall() == before
    ends = "SELECT id, status FROM conversations_run WHERE finished_at IS NOT NULL ORDER BY id"
    assert database.execute(ends).fetchall() == [
        *((4, "completed"), (5, "completed"), (6, "failed"), (7, "cancelled"), (20000, "incomplete")),
    ]
