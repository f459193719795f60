"""Whether the processes that a turn needs are alive. All times are the database's."""

from django.db import connection

from conversations.models.runs.workers import LEASE_SECONDS

# Sweeps begin every 3 s and take far less than that.
SWEEP_PATIENCE_SECONDS = 60.0

# A live worker that reports a dead thread counts as missing, even if other workers could do its work: it holds runs.
_WORKERS = """
SELECT coalesce(bool_and(failing = '') FILTER (WHERE 'runs' = ANY(queues)), false) AS worker,
       coalesce(bool_and(failing = '') FILTER (WHERE 'upkeep' = ANY(queues)), false) AS upkeep,
       EXISTS (SELECT 1 FROM conversations_upkeep
               WHERE name = 'sweep' AND finished_at > now() - %(patience)s * interval '1 second') AS sweep
FROM (
  SELECT failing, string_to_array(queue, ',') AS queues FROM conversations_worker
  WHERE stopped_at IS NULL AND heartbeat_at > now() - %(lease)s * interval '1 second'
) alive
"""


def missing() -> list[str]:
    """Those of `worker`, `upkeep` and `sweep` that are missing. Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(_WORKERS, {"patience": SWEEP_PATIENCE_SECONDS, "lease": LEASE_SECONDS})
        names = [column.name for column in cursor.description]
        return [name for name, is_there in zip(names, cursor.fetchone(), strict=True) if not is_there]
