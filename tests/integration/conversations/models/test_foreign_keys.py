"""Every foreign key has an index by which the database finds the rows that point at a row that is deleted."""

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db

# A composite key needs no index of its own: one that begins with the column beside the account finds the few rows.
# A partial index serves when it leaves out only rows without the key.
UNINDEXED = """
SELECT k.conrelid::regclass::text, array_agg(a.attname::text ORDER BY a.attname)
FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY(k.conkey)
WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND k.conrelid::regclass::text LIKE 'conversations_%'
  AND NOT EXISTS (
    SELECT 1 FROM pg_index i JOIN pg_attribute f ON f.attrelid = i.indrelid AND f.attnum = i.indkey[0]
    WHERE i.indrelid = k.conrelid AND i.indisvalid AND f.attnum = ANY(k.conkey)
      AND (f.attname <> 'account_id' OR cardinality(k.conkey) = 1)
      AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) IN (
        SELECT format('(%s IS NOT NULL)', n.attname) FROM pg_attribute n
        WHERE n.attrelid = k.conrelid AND n.attnum = ANY(k.conkey)
      ))
  )
GROUP BY k.oid, k.conrelid
"""

# The reason why each of these needs none.
EXCEPTIONS = {
    # Keys and presets are never deleted: erasing an account empties them (services/erasures/accounts.py).
    ("conversations_run", "api_key_id"),
    ("conversations_run", "preset_id"),
    # The table is as short as the queue.
    ("conversations_activerun", "worker_id"),
    # Accounts are never deleted.
    ("conversations_signingsecret", "account_id"),
}


def test_each_has_an_index_on_the_side_that_points() -> None:
    with connection.cursor() as cursor:
        cursor.execute(UNINDEXED)
        found = {(table, ",".join(columns)) for table, columns in cursor.fetchall()}

    assert found == EXCEPTIONS
