"""An endpoint that is notified of an account's runs, and the receiver behind it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json
from tests.journeys.clients.aichat import Api
from tests.journeys.clients.webhooks import call, list_deliveries, make, verified
from tests.journeys.rows import Rows
from tests.waiting import eventually

ENDS = ("run.completed", "run.failed", "run.cancelled")
# The sender of an attempt may have been killed too; then the attempt is repeated after its lease.
DELIVERED_SECONDS = 90.0


@dataclass(frozen=True)
class Subscriber:
    api: Api
    rows: Rows
    endpoint: Json
    receiver: Receiver

    @property
    def deliveries(self) -> list[Json]:
        """The oldest first."""
        return list_deliveries(self.api, endpoint=self.endpoint["id"])[::-1]

    def notifications_of(self, run: Json) -> list[Json]:
        """What the receiver got about a run, repeats included, once nothing more is pending."""
        pending = "SELECT count(*) AS n FROM conversations_delivery WHERE run_id = %s AND status = 'pending'"
        eventually(lambda: self.rows.all(pending, run["id"])[0]["n"], lambda n: n == 0, within=DELIVERED_SECONDS)
        received = [verified(posted, self.endpoint["secret"]) for posted in list(self.receiver.requests)]
        return [one for one in received if one["data"]["id"] == run["public_id"]]

    def events_of(self, run: Json) -> list[Json]:
        return self.rows.all("SELECT * FROM conversations_event WHERE run_id = %s ORDER BY id", run["id"])


@contextlib.contextmanager
def subscribed(api: Api, rows: Rows, *event_types: str) -> Iterator[Subscriber]:
    with Receiver() as receiver:
        endpoint = make(api, receiver.url, *event_types)
        try:
            yield Subscriber(api, rows, endpoint, receiver)
        finally:
            call(api, "DELETE", f"webhook_endpoints/{endpoint['id']}")
