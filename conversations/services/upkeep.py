"""Periodic work: when it last began and when it last finished, by the database's clock."""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from conversations.models import Upkeep
from conversations.models.runs.workers import LEASE_SECONDS

SWEEP = "sweep"

# Always returns one row: false when the work resumed less than a lease ago, after a pause longer than a lease.
# Work that begins for the first time had no pause: `resumed_at` stays NULL.
BEGIN = """
INSERT INTO conversations_upkeep AS u (name, begun_at) VALUES (%(name)s, statement_timestamp())
ON CONFLICT (name) DO UPDATE
SET begun_at = statement_timestamp(),
    resumed_at = CASE WHEN u.begun_at < statement_timestamp() - %(lease)s THEN statement_timestamp()
                      ELSE u.resumed_at END
RETURNING resumed_at IS NULL OR resumed_at <= statement_timestamp() - %(lease)s
"""


def begin(*, name: str) -> bool:
    """Records that the work begins. True if leases could be renewed for at least the length of one.

    While the database is unreachable nobody can renew a lease, and all look expired when it is back. So after a pause
    that is longer than a lease this is False until one more lease has passed.
    """
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {"name": name, "lease": timedelta(seconds=LEASE_SECONDS)}
        cursor.execute(BEGIN, parameters)
        return bool(cursor.fetchone()[0])


def note_finished(*, name: str) -> None:
    Upkeep.objects.filter(name=name).update(finished_at=Now())
