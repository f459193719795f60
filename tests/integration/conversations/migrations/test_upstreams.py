"""The upgrade to targets, of a database in which the last release had attempts and keys, and the way back."""

from collections.abc import Callable
from typing import Any

import psycopg

BEFORE = """
INSERT INTO conversations_account (id, public_id, name, is_active) VALUES (1, 'acc_1', 'ann', true);
INSERT INTO conversations_apikey (account_id, name, prefix, key_hash) VALUES (1, '', 'sk-', 'old');
SET session_replication_role = replica;
"""
# As the last release writes it, with the numbers of attempts that there are.
ATTEMPTS = """
INSERT INTO conversations_runattempt (number, worker_name, started_at, outcome, run_id, account_id)
SELECT %s, 'w1', now(), 'completed', run, 1 FROM generate_series(1, 3) AS run
"""
TABLE = "SELECT pg_relation_filenode('conversations_runattempt')"


def test_attempts_and_keys_of_the_last_release_stay_where_they_are(
    database: psycopg.Connection[Any], migrate: Callable[[str], None]
) -> None:
    migrate("0030")
    database.execute(BEFORE)
    database.execute(ATTEMPTS, [1])
    file_before = database.execute(TABLE).fetchall()

    migrate("0031")

    database.execute(ATTEMPTS, [2])
    assert database.execute(TABLE).fetchall() == file_before
    told = database.execute("SELECT target, moves, count(*) FROM conversations_runattempt GROUP BY 1, 2").fetchall()
    assert told == [("", None, 6)]
    assert database.execute("SELECT is_operator FROM conversations_apikey").fetchall() == [(False,)]

    migrate("0030")
    migrate("0031")

    assert database.execute("SELECT count(*) FROM conversations_runattempt").fetchall() == [(6,)]
