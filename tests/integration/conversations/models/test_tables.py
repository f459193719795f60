"""The shape of the migrated tables, as the database knows it: keys, indexes, and when they are vacuumed."""

import re
from typing import Any

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db

# Unique keys without an account, and why they may be. What they are about belongs to one account all the same.
WITHOUT_ACCOUNT = {
    # What an account itself is known by.
    "conversations_account_name_key",
    "conversations_account_public_id_key",
    # A caller's account is known by the key alone.
    "conversations_apikey_key_hash_key",
    # What a parent and a head point at: messages of the same conversation.
    "message_has_one_conversation",
    "conversation_has_at_most_one_active_run",
    # Django's one-to-one field.
    "conversations_task_run_id_key",
    # Tables of the installation, which no account has rows in.
    "conversations_tally_of_key",
    "price_is_said_once",
    "conversations_upkeep_name_key",
    "conversations_upstreamkey_name_key",
    "conversations_worker_name_key",
}
UNIQUE_KEYS = """
SELECT i.relname, ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = x.indrelid AND attnum = ANY(x.indkey))
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indisunique AND NOT x.indisprimary AND x.indrelid::regclass::text LIKE 'conversations\\_%'
"""
# An index of the same table, over the same rows, that begins with the same columns in the same order.
REDUNDANT = """
SELECT x.indexrelid::regclass::text, y.indexrelid::regclass::text
FROM pg_index x JOIN pg_index y ON y.indrelid = x.indrelid AND y.indexrelid <> x.indexrelid
WHERE x.indrelid::regclass::text LIKE 'conversations\\_%' AND NOT x.indisunique
  AND pg_get_expr(x.indpred, x.indrelid) IS NOT DISTINCT FROM pg_get_expr(y.indpred, y.indrelid)
  AND (y.indkey::int2[])[0:x.indnkeyatts - 1] = x.indkey::int2[]
  AND (y.indclass::oid[])[0:x.indnkeyatts - 1] = x.indclass::oid[]
  AND (y.indoption::int2[])[0:x.indnkeyatts - 1] = x.indoption::int2[]
"""
# A fiftieth of these may be dead, or new, before they are vacuumed and analysed. PostgreSQL's default is a fifth.
BUSY = [
    *("content", "conversation", "delivery", "deliveryattempt", "event", "idempotencykey"),
    *("ledgerentry", "message", "reading", "reference", "run", "runattempt", "task"),
    *("runstep", "toolcall", "assistedrun", "dialogue", "visitor", "visitoridentity"),
]
SCALES = ["autovacuum_analyze_scale_factor", "autovacuum_vacuum_insert_scale_factor", "autovacuum_vacuum_scale_factor"]


def rows(sql: str, *parameters: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return list(cursor.fetchall())


def test_unique_keys_carry_the_account() -> None:
    without = {name for name, columns in rows(UNIQUE_KEYS) if "account_id" not in columns}

    assert without == WITHOUT_ACCOUNT


def test_no_index_is_the_beginning_of_another() -> None:
    # Of a unique text column Django makes two, because the database's order may not be that of its letters.
    assert [pair for pair in rows(REDUNDANT) if not pair[0].endswith("_like")] == []


def test_no_key_or_index_is_left_half_made() -> None:
    assert rows("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid") == []
    assert rows("SELECT conname FROM pg_constraint WHERE NOT convalidated") == []


@pytest.mark.parametrize("table", BUSY)
def test_a_busy_table_is_vacuumed_early(table: str) -> None:
    ((given,),) = rows("SELECT reloptions FROM pg_class WHERE relname = %s", f"conversations_{table}")

    assert {f"{scale}=0.02" for scale in SCALES} <= set(given)


def test_a_conversations_page_has_room_for_the_next_turn() -> None:
    ((given,),) = rows("SELECT reloptions FROM pg_class WHERE relname = 'conversations_conversation'")

    assert "fillfactor=90" in given


@pytest.mark.parametrize(
    ("table", "index"),
    [
        ("conversation", "conversation_id_is_unique_in_its_account"),
        ("run", "run_id_is_unique_in_its_account"),
        ("message", "message_id_is_unique_in_its_account"),
        ("event", "event_id_is_unique_in_its_account"),
        ("delivery", "delivery_id_is_unique_in_its_account"),
        ("webhookendpoint", "endpoint_id_is_unique_in_its_account"),
        ("tool", "tool_id_is_unique_in_its_account"),
        ("mcpserver", "mcp_server_id_is_unique_in_its_account"),
        ("visitor", "visitor_id_is_unique_in_its_account"),
    ],
)
@pytest.mark.parametrize("condition", ["= 'run_0123'", "LIKE 'run\\_01%'"])
def test_one_index_finds_an_id_alone_and_by_its_beginning(table: str, index: str, condition: str) -> None:
    # On an empty table the planner would rather read all of it.
    rows("SELECT set_config('enable_seqscan', 'off', true)")

    plan = rows(f"EXPLAIN SELECT id FROM conversations_{table} WHERE public_id {condition}")

    assert f" {index} " in str(plan)
    assert re.search(r"Index Cond: \(+public_id\)::text (=|~>=~) ", str(plan))
