"""The knowledge worker is killed in the middle of a document: while it fetches it, and while it writes its passages."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from conversations.models.runs.workers import LEASE_SECONDS
from tests.fakes.receiver import Receiver, answers, answers_once
from tests.faults.harness.environment import ProxiedEnvironment
from tests.journeys.clients import knowledge
from tests.journeys.clients.webhooks import call
from tests.waiting import eventually

pytestmark = pytest.mark.faults

# A lease, a sweep, a pause, and a slow machine.
RECOVERED_SECONDS = LEASE_SECONDS + 20.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def test_a_document_that_was_being_fetched_is_fetched_again(
    environment: ProxiedEnvironment, receiver: Receiver
) -> None:
    never = threading.Event()
    receiver.script(answers_once(never))
    receiver.default = answers(200, b"Herons nest early.", {"Content-Type": "text/plain"})
    base = knowledge.make_base(environment.api)
    made = knowledge.add(environment.api, base, url=receiver.url)["id"]
    receiver.wait(1)

    environment.kill("knowledge")
    ready = knowledge.ended(environment.api, base, made, within=RECOVERED_SECONDS)

    assert (ready["status"], ready["characters"]) == ("ready", 18)
    assert len(receiver.requests) == 2


def test_a_document_that_was_being_written_is_written_once(environment: ProxiedEnvironment) -> None:
    """Its transaction waits for its base, which the test holds."""
    base = knowledge.make_base(environment.api)
    hold = f"SELECT id FROM conversations_knowledgebase WHERE public_id = '{base}' FOR NO KEY UPDATE"
    waiting = "SELECT 1 AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%knowledgebase%%'"
    with psycopg.connect(environment.database_url) as holder:
        holder.execute(hold)
        made = knowledge.add(environment.api, base, name="herons", text="Herons nest early.")["id"]
        eventually(lambda: environment.rows.all(waiting), bool)
        environment.kill("knowledge")

    ready = knowledge.ended(environment.api, base, made, within=RECOVERED_SECONDS)

    assert (ready["status"], ready["passages"]) == ("ready", 1)
    assert call(environment.api, "GET", f"knowledge/{base}")["documents"]["ready"] == 1
