"""The upgrade to usage: what the last release's runs used is counted once, beside turns that go on."""

import json
from collections.abc import Callable
from typing import Any

import psycopg

from conversations.rules.money import unit_counts
from providers import serialization

BEFORE = """
INSERT INTO conversations_account (id, public_id, name, is_active) VALUES (1, 'acc_1', 'ann', true), (2, 'acc_2', 'bob', true);
INSERT INTO conversations_conversation (id, account_id, public_id) VALUES (1, 1, 'thread');
"""
RUN = """
INSERT INTO conversations_run (account_id, conversation_id, public_id, channel, trace_id, dialect, model,
                               context_window, attempt, created_at, claimed_at, finished_at, usage)
VALUES (%(account)s, %(conversation)s, %(name)s, 'c', gen_random_uuid(), 'aichat', 'echo', 8000, 1,
        '2026-03-01T23:00Z', %(at)s::timestamptz, %(at)s, %(usage)s) RETURNING id
"""
ATTEMPT = """
INSERT INTO conversations_runattempt (account_id, run_id, number, worker_name, started_at, ended_at, outcome)
VALUES (%s, %s, 1, 'w', now(), now(), 'completed')
"""
USAGES: list[dict[str, Any]] = [
    {"prompt_tokens": 100, "completion_tokens": 20, "source": "reported", "prompt_details": {"cached_tokens": 60}},
    {"prompt_tokens": 10, "completion_tokens": 5, "source": "estimated"},
    # Parts that contradict their total.
    {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "source": "reported",
        "prompt_details": {"cached_tokens": 70, "cache_write_tokens": 50, "audio_tokens": 9, "image_tokens": 4},
        "completion_details": {"reasoning_tokens": 30, "audio_tokens": 30, "video_tokens": 7},
        "cache_write_1h_tokens": 20,
        "searches": 2,
    },
    {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "source": "reported",
        "prompt_details": {"cache_write_tokens": 10, "audio_tokens": 9, "image_tokens": 4, "video_tokens": 3},
        "completion_details": {"reasoning_tokens": 3, "audio_tokens": 4, "image_tokens": 5},
        "cache_write_1h_tokens": 20,
    },
]
KINDS = [
    *("input", "cache_read", "cache_write_5m", "cache_write_1h", "image_input", "audio_input"),
    *("output", "reasoning", "image_output", "audio_output", "search"),
]
TOTALS = ", ".join(f"sum({kind})::int" for kind in KINDS)


def ended(
    database: psycopg.Connection[Any],
    name: str,
    usage: dict[str, Any] | None,
    *,
    account: int = 1,
    conversation: int | None = 1,
    at: str | None = "2026-03-02T00:00Z",
) -> int:
    given = {"name": name, "account": account, "conversation": conversation, "at": at}
    run = database.execute(RUN, {**given, "usage": json.dumps(usage) if usage else None}).fetchone()
    assert run is not None
    if at is not None:
        database.execute(ATTEMPT, [account, run[0]])
    return int(run[0])


def test_what_was_used_before_is_counted_as_it_would_be_now(
    database: psycopg.Connection[Any], migrate: Callable[[str], None]
) -> None:
    migrate("0029")
    database.execute(BEFORE)
    for number, usage in enumerate(USAGES):
        ended(database, f"run_{number}", usage)
    ended(database, "run_unstored", USAGES[0], account=2, conversation=None)
    ended(database, "run_failed", None, account=2, conversation=None)
    ended(database, "run_active", None, at=None)
    # Retention has deleted its attempt.
    old = ended(database, "run_old", USAGES[1], account=2, conversation=None)
    database.execute("DELETE FROM conversations_runattempt WHERE run_id = %s", [old])

    migrate("0036")

    expected = [unit_counts.of_usage(serialization.load_usage(usage), calls=0).units for usage in USAGES]
    sums = [sum(units.get(kind, 0) for units in expected) for kind in KINDS]  # type: ignore[call-overload] # a StrEnum
    found = database.execute(f"SELECT {TOTALS} FROM conversations_usageofday WHERE account_id = 1")  # noqa: S608
    assert list(found.fetchone() or ()) == sums
    found = database.execute(f"SELECT {TOTALS} FROM conversations_usageofconversation")  # noqa: S608
    assert list(found.fetchone() or ()) == sums
    days = "SELECT account_id, day::text, runs, estimated_runs, unpriced_runs, cost FROM conversations_usageofday"
    assert database.execute(f"{days} ORDER BY account_id").fetchall() == [
        (1, "2026-03-02", 4, 1, 4, 0),
        (2, "2026-03-02", 3, 1, 2, 0),
    ]
    position = database.execute("SELECT counted_to FROM conversations_tally WHERE \"of\" = 'usage'").fetchone()
    assert position == (7,)


def test_a_run_that_ends_meanwhile_is_left_to_the_service(
    database: psycopg.Connection[Any], migrate: Callable[[str], None]
) -> None:
    migrate("0035")
    database.execute(BEFORE)
    ended(database, "run_before", USAGES[0])
    # As the migration was broken off behind its first step.
    database.execute(
        "INSERT INTO conversations_tally (\"of\", counted_to, seen_to) SELECT 'usage', max(id), 0 "
        "FROM conversations_runattempt"
    )
    ended(database, "run_meanwhile", USAGES[0])

    migrate("0036")

    assert database.execute("SELECT runs FROM conversations_usageofday").fetchall() == [(1,)]

    migrate("0035")
    migrate("0036")

    assert database.execute("SELECT runs FROM conversations_usageofday").fetchall() == [(2,)]
