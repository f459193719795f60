"""How many of a page's rows fit: a page ends where their bytes reach a bound, because one row can be a whole file.

Sizes are those of the decompressed JSON: 20 MB of one letter are stored in 200 kB. Rows behind the end are not
decompressed.
"""

from collections.abc import Sequence

from django.db import connection

# By hand because the ORM has no recursion. Each step is a look-up by key.
FITTING = """
WITH RECURSIVE fitting AS (
  SELECT 0 AS number, 0::bigint AS bytes
  UNION ALL
  SELECT number + 1, bytes + coalesce(({size}), 0) FROM fitting
  WHERE bytes < %(bytes_max)s AND number < cardinality(%(ids)s::bigint[])
)
SELECT max(number) FROM fitting
"""
MESSAGE_SIZE = """
SELECT octet_length(m.parts::text) FROM conversations_message m WHERE m.id = (%(ids)s::bigint[])[number + 1]
"""
# A task's run, with the question and the answer, which are in the run's own row or in its messages.
TASK_SIZE = """
SELECT coalesce(octet_length(r.request::text), 0) + coalesce(octet_length(r.answer::text), 0)
       + (SELECT coalesce(sum(octet_length(m.parts::text)), 0)::bigint FROM conversations_message m
          WHERE m.run_id = r.id)
FROM conversations_run r
WHERE r.id = (SELECT t.run_id FROM conversations_task t WHERE t.id = (%(ids)s::bigint[])[number + 1])
"""


def messages(ids: Sequence[int], *, bytes_max: int) -> int:
    """How many of the messages, from the first. The one that reaches the bound is the last, so it is one at least."""
    return _count(MESSAGE_SIZE, ids, bytes_max)


def tasks(ids: Sequence[int], *, bytes_max: int) -> int:
    """As for messages."""
    return _count(TASK_SIZE, ids, bytes_max)


def _count(size: str, ids: Sequence[int], bytes_max: int) -> int:
    if not ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(FITTING.format(size=size), {"ids": list(ids), "bytes_max": bytes_max})
        return int(cursor.fetchone()[0])
