"""Counts the usage of the runs that ended before, in batches, while turns go on.

Runs of the release before end meanwhile. Each leaves an attempt, whose id tells the two kinds apart: up to the newest
one of this moment their runs are counted here, those of later ones by the service (services/money/usage.py). What such
a run cost nobody knows: neither its vendor nor its price was kept. So only its tokens are counted.
"""

import time

from django.db import migrations, transaction

BATCH = 10_000
PAUSE_SECONDS = 0.02
# For transactions that run when this begins, and may still end a run.
WAIT_SECONDS, LOOK_SECONDS = 600, 0.1

# Of the attempts, then of the runs. Once: a migration that was broken off goes on with the same ends.
BEGIN = """
INSERT INTO conversations_tally ("of", counted_to, seen_to)
SELECT 'usage', last, 0
FROM (SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM conversations_runattempt_id_seq) AS attempts
WHERE NOT EXISTS (SELECT FROM conversations_tally WHERE "of" = 'usage')
"""
BEGIN_RUNS = """
INSERT INTO conversations_tally ("of", counted_to, seen_to)
SELECT 'usage_so_far', 0, (SELECT COALESCE(max(id), 0) FROM conversations_run)
WHERE NOT EXISTS (SELECT FROM conversations_tally WHERE "of" = 'usage_so_far')
"""
# Drawn for this alone: larger than the number of whoever writes already (services/money/usage.py says why).
NEW_TRANSACTION = "SELECT pg_current_xact_id()::text::bigint"
OLDEST_TRANSACTION = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
KEYS = "account_id, day, model, api_key_key"
SUMS = (
    *("runs", "estimated_runs", "unpriced_runs", "input", "cache_read", "cache_write_5m", "cache_write_1h"),
    *("output", "reasoning", "image_input", "image_output", "audio_input", "audio_output", "search"),
)
NAMES = ", ".join(SUMS)
TOTALS = ", ".join(f"sum({name}) AS {name}" for name in SUMS)
ADDED = ", ".join(f"{name} = t.{name} + EXCLUDED.{name}" for name in SUMS)


def _count(path):
    return f"LEAST(GREATEST(COALESCE(({path})::numeric, 0), 0), 1e15)::bigint"


def _part(details, *names):
    return " + ".join(_count(f"u->'{details}'->>'{name}'") for name in names)


# As rules/money/unit_counts.py: each part takes what the ones before it have left of the vendor's total.
FILL = f"""
WITH ended AS MATERIALIZED (
  SELECT r.account_id, (r.finished_at AT TIME ZONE 'UTC')::date AS day, r.model,
         COALESCE(r.api_key_id, 0) AS api_key_key, c.id AS conversation_id, COALESCE(r.usage, '{{}}') AS u
  FROM conversations_run r
  JOIN conversations_account owner ON owner.id = r.account_id AND owner.erased_at IS NULL
  LEFT JOIN conversations_conversation c
    ON c.id = r.conversation_id AND c.account_id = r.account_id AND c.deleted_at IS NULL
  WHERE r.id > %(after)s AND r.id <= %(to)s AND r.finished_at IS NOT NULL AND r.claimed_at IS NOT NULL
    AND NOT EXISTS (
      SELECT FROM conversations_runattempt a
      WHERE a.run_id = r.id AND a.number = r.attempt AND a.account_id = r.account_id AND a.id > %(attempts)s)
), given AS (
  SELECT ended.*, {_count("u->>'prompt_tokens'")} AS prompt, {_count("u->>'completion_tokens'")} AS answer,
         {_part("prompt_details", "cached_tokens")} AS cached,
         {_part("prompt_details", "cache_write_tokens")} AS written,
         {_count("u->>'cache_write_1h_tokens'")} AS for_an_hour,
         {_part("prompt_details", "audio_tokens")} AS heard,
         {_part("prompt_details", "image_tokens", "video_tokens")} AS seen,
         {_part("completion_details", "reasoning_tokens")} AS thought,
         {_part("completion_details", "audio_tokens")} AS spoken,
         {_part("completion_details", "image_tokens", "video_tokens")} AS drawn
  FROM ended
), one AS (
  SELECT *, LEAST(cached, prompt) AS cache_read, LEAST(thought, answer) AS reasoning,
         LEAST(for_an_hour, written) AS hour FROM given
), two AS (
  SELECT *, LEAST(hour, prompt - cache_read) AS cache_write_1h,
         LEAST(spoken, answer - reasoning) AS audio_output FROM one
), three AS (
  SELECT *, LEAST(written - hour, prompt - cache_read - cache_write_1h) AS cache_write_5m,
         LEAST(drawn, answer - reasoning - audio_output) AS image_output FROM two
), four AS (
  SELECT *, LEAST(heard, prompt - cache_read - cache_write_1h - cache_write_5m) AS audio_input FROM three
), five AS (
  SELECT *, LEAST(seen, prompt - cache_read - cache_write_1h - cache_write_5m - audio_input) AS image_input FROM four
), counted AS (
  SELECT {KEYS}, conversation_id, 1 AS runs, COALESCE(u->>'source' = 'estimated', false)::int AS estimated_runs,
         (u->>'prompt_tokens' IS NOT NULL)::int AS unpriced_runs,
         prompt - cache_read - cache_write_1h - cache_write_5m - audio_input - image_input AS input,
         cache_read, cache_write_5m, cache_write_1h, answer - reasoning - audio_output - image_output AS output,
         reasoning, image_input, image_output, audio_input, audio_output, {_count("u->>'searches'")} AS search
  FROM five
), of_conversations AS (
  INSERT INTO conversations_usageofconversation AS t (conversation_id, {KEYS}, {NAMES})
  SELECT conversation_id, {KEYS}, {TOTALS} FROM counted WHERE conversation_id IS NOT NULL
  GROUP BY conversation_id, {KEYS}
  ON CONFLICT (account_id, conversation_id, day, model, api_key_key) DO UPDATE SET {ADDED}
)
INSERT INTO conversations_usageofday AS t ({KEYS}, {NAMES})
SELECT {KEYS}, {TOTALS} FROM counted GROUP BY {KEYS}
ON CONFLICT ({KEYS}, vendor, upstream_model, is_put_back) DO UPDATE SET {ADDED}
"""
GO_ON = "UPDATE conversations_tally SET counted_to = %(to)s WHERE \"of\" = 'usage_so_far'"
WHERE = """
SELECT runs.counted_to, runs.seen_to, attempts.counted_to
FROM conversations_tally runs, conversations_tally attempts
WHERE runs."of" = 'usage_so_far' AND attempts."of" = 'usage'
"""
EMPTY = (
    "DELETE FROM conversations_usageofconversation",
    "DELETE FROM conversations_usageofday",
    "DELETE FROM conversations_tally WHERE \"of\" IN ('usage', 'usage_so_far')",
)


def fill(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(BEGIN)
        cursor.execute(BEGIN_RUNS)
        _wait_for_others(cursor)
        cursor.execute(WHERE)
        after, newest, attempts = cursor.fetchone()
        while after < newest:
            to = min(after + BATCH, newest)
            with transaction.atomic(schema_editor.connection.alias):
                cursor.execute(FILL, {"after": after, "to": to, "attempts": attempts})
                cursor.execute(GO_ON, {"to": to})
            after = to
            time.sleep(PAUSE_SECONDS)


def _wait_for_others(cursor):
    """Until all transactions that may have written one of those attempts have ended."""
    cursor.execute(NEW_TRANSACTION)
    (following,) = cursor.fetchone()
    give_up_at = time.monotonic() + WAIT_SECONDS
    while True:
        cursor.execute(OLDEST_TRANSACTION)
        if cursor.fetchone()[0] >= following:
            return
        if time.monotonic() > give_up_at:
            raise RuntimeError("a transaction has been open for ten minutes: end it, and begin the migration again")
        time.sleep(LOOK_SECONDS)


def empty(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor, transaction.atomic(schema_editor.connection.alias):
        for statement in EMPTY:
            cursor.execute(statement)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("conversations", "0035_usage")]

    operations = [migrations.RunPython(fill, empty)]
