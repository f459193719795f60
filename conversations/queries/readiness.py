"""Whether what a turn needs is there, and goes on being looked after. Every time is the database's own."""

from django.db import connection

from conversations.models.runs.workers import LEASE_SECONDS

# A sweep is due every 3 s and takes far less.
SWEEP_PATIENCE_SECONDS = 60.0

# A worker that is heard of and says that one of its threads has died counts as one that is not there, also when others
# of its kind could do its work: it holds runs.
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
    """Of `worker`, `upkeep` and `sweep` those that are not to be heard of. Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(_WORKERS, {"patience": SWEEP_PATIENCE_SECONDS, "lease": LEASE_SECONDS})
        names = [column.name for column in cursor.description]
        return [name for name, is_there in zip(names, cursor.fetchone(), strict=True) if not is_there]
