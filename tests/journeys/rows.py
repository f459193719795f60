"""The rows that a running service has stored."""

from typing import Any, Self

import psycopg
import requests
from psycopg.rows import dict_row

from project.embedded import paths
from tests.fakes.replies import Json
from tests.journeys.service import Service
from tests.waiting import eventually

# The tables that a refused turn must leave unchanged.
TURN_TABLES = ("conversation", "message", "run", "runattempt", "reference")
# Tables that upkeep fills, whatever is asked.
BY_UPKEEP = ("worker", "upkeep", "usage", "tally")
# Runs as they are now, to select from: their own rows, or their active ones while they have not ended. `attempts_lost`
# are those before the last one.
RUNS = """(
  SELECT r.id, r.public_id, r.account_id, r.conversation_id, r.channel, r.trace_id, r.dialect, r.model,
         r.context_window, r.request, r.answer, r.preset_id, r.preset_text, r.usage, r.error_code, r.error_message,
         r.error_facts, r.created_at, r.first_token_at, r.finished_at, r.forget_after,
         a.worker_id, a.is_streamed, a.woken_at, COALESCE(a.attempt, r.attempt) AS attempt,
         COALESCE(a.status, NULLIF(r.ended_as, ''), 'completed') AS status,
         CASE WHEN a.run_id IS NULL THEN r.claimed_at ELSE a.claimed_at END AS claimed_at,
         COALESCE(a.cancel_requested_at, r.cancel_requested_at) AS cancel_requested_at,
         COALESCE(a.attempts_lost, (
           SELECT count(*) FROM conversations_runattempt t
           WHERE t.run_id = r.id AND t.outcome = 'lost' AND t.number < r.attempt)) AS attempts_lost
  FROM conversations_run r LEFT JOIN conversations_activerun a ON a.run_id = r.id
) AS run"""


class Rows:
    """The service's own tables. A test looks here only for what no user can see from outside."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg.connect(database_url, autocommit=True, row_factory=dict_row)

    @classmethod
    def of(cls, service: Service) -> Self:
        """Of a service with an embedded database."""
        return cls(paths.database_url(service.data_dir))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def all(self, sql: str, *parameters: Any) -> list[Json]:
        return self._connection.execute(sql, parameters).fetchall()

    def change(self, sql: str, *parameters: Any) -> int:
        return self._connection.execute(sql, parameters).rowcount

    def counts_of_all(self) -> dict[str, int]:
        """Of every table of the application, but for those that upkeep fills by itself."""
        found = self.all("SELECT tablename FROM pg_tables WHERE tablename LIKE 'conversations\\_%%'")
        names = sorted(row["tablename"].removeprefix("conversations_") for row in found)
        return {
            name: self.all(f"SELECT count(*) AS n FROM conversations_{name}")[0]["n"]
            for name in names
            if not name.startswith(BY_UPKEEP)
        }

    def counts(self) -> dict[str, int]:
        return {table: self.all(f"SELECT count(*) AS n FROM conversations_{table}")[0]["n"] for table in TURN_TABLES}

    def run(self, response: requests.Response) -> Json:
        """The run that a response belongs to."""
        (run,) = self.all(f"SELECT * FROM {RUNS} WHERE public_id = %s", response.headers["X-Run-Id"])
        return run

    def ended(self, response: requests.Response) -> Json:
        """The run of a response, once it has ended."""
        return eventually(lambda: self.run(response), lambda run: run["finished_at"] is not None)

    def conversations(self, public_id: str) -> list[Json]:
        return self.all("SELECT * FROM conversations_conversation WHERE public_id = %s ORDER BY id", public_id)
