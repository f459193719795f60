"""An endpoint that is told of the ends of an account's runs, and what it was told."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.fakes.receiver import Receiver
from tests.faults.harness.environment import GatedStage
from tests.journeys.clients.aichat import Json, eventually
from tests.journeys.clients.webhooks import call, make, verified

ENDS = ("run.completed", "run.failed", "run.cancelled")
# An attempt may die with its worker's neighbour, and is made again after its lease.
DELIVERED_SECONDS = 30.0


@dataclass(frozen=True)
class Watch:
    stage: GatedStage
    receiver: Receiver
    secret: str

    def told_of(self, run: Json) -> list[Json]:
        """What the endpoint was told of a run, repeats included, once nothing more is owed."""
        owed = "SELECT count(*) AS n FROM conversations_delivery WHERE run_id = %s AND status = 'pending'"
        eventually(lambda: self.stage.rows.all(owed, run["id"])[0]["n"], lambda n: n == 0, within=DELIVERED_SECONDS)
        told = [verified(posted, self.secret) for posted in list(self.receiver.requests)]
        return [one for one in told if one["data"]["id"] == run["public_id"]]

    def events_of(self, run: Json) -> list[Json]:
        return self.stage.rows.all("SELECT * FROM conversations_event WHERE run_id = %s ORDER BY id", run["id"])


@contextlib.contextmanager
def watching(stage: GatedStage) -> Iterator[Watch]:
    with Receiver() as receiver:
        endpoint = make(stage.api, receiver.url, *ENDS)
        stage.is_watched = True
        try:
            yield Watch(stage, receiver, endpoint["secret"])
        finally:
            stage.is_watched = False
            call(stage.api, "DELETE", f"webhook_endpoints/{endpoint['id']}")
