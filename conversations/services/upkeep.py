"""Duties that return by the clock: when one was begun and done to its end. Every time is the database's own."""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from conversations.models import Upkeep
from conversations.models.runs.workers import LEASE_SECONDS

SWEEP = "sweep"

# Of a duty that is begun for the first time there was no pause.
BEGIN = """
INSERT INTO conversations_upkeep AS u (name, begun_at) VALUES (%(name)s, statement_timestamp())
ON CONFLICT (name) DO UPDATE
SET begun_at = statement_timestamp(),
    resumed_at = CASE WHEN u.begun_at < statement_timestamp() - %(lease)s THEN statement_timestamp()
                      ELSE u.resumed_at END
RETURNING resumed_at IS NULL OR resumed_at <= statement_timestamp() - %(lease)s
"""


def begin(*, name: str) -> bool:
    """Notes that the duty is begun. Whether those who have to renew a lease could do so for the length of one.

    While the database is away nobody can, and all leases look lapsed when it is back. So after a pause of the duty that
    is longer than a lease, everybody gets the length of one.
    """
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {"name": name, "lease": timedelta(seconds=LEASE_SECONDS)}
        cursor.execute(BEGIN, parameters)
        return bool(cursor.fetchone()[0])


def note_finished(*, name: str) -> None:
    Upkeep.objects.filter(name=name).update(finished_at=Now())
