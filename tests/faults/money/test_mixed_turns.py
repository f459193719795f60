"""Thirty turns of all kinds, some of whose workers die: ledger, runs, attempts and the vendor say the same of each."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json, Reply, fails, says, tokens
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.money.metered import FIVE_TOKENS, Purse
from tests.journeys import books
from tests.journeys.clients import runs, tools
from tests.journeys.clients.aichat import MODEL, new_id
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

ROUNDS = 5
RECOVERED_SECONDS = 60.0
CALL, TOKEN = Decimal("0.5"), Decimal("0.001")
ATTEMPTS = """
SELECT a.usage->>'prompt_tokens' AS prompt, a.usage->>'completion_tokens' AS completion, a.outcome
FROM conversations_runattempt a JOIN conversations_run r ON r.id = a.run_id WHERE r.public_id = %s ORDER BY a.number
"""


@dataclass
class Vendor:
    """Scripts answers, and knows how many tokens those that came to their end have reported."""

    environment: ProxiedEnvironment
    reported: list[int] = field(default_factory=list)

    def script(self, *replies: Reply) -> None:
        self.environment.upstream.script(*replies)

    def usage(self) -> Json:
        """Another number of tokens for each answer."""
        self.reported.append(len(self.reported) + 1)
        return tokens(10, self.reported[-1])

    def says(self) -> Reply:
        return says(FIVE_TOKENS, usage=self.usage())

    def calls(self, tool: Json) -> Reply:
        return tools.calls((tool["name"], {"n": len(self.reported)}), usage=self.usage())

    @property
    def cost(self) -> Decimal:
        return sum((CALL + TOKEN * count for count in self.reported), Decimal(0))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@dataclass
class Turns:
    environment: ProxiedEnvironment
    plain: Json
    guarded: Json

    def begin(self) -> str:
        named = [self.plain["id"], self.guarded["id"]]
        body = {"model": MODEL, "question": "Go", "id": new_id(), "tools": named, "async": True}
        response = self.environment.api.post(body)
        assert response.status_code == 200, response.text
        return response.headers["X-Run-Id"]

    def wait(self, run_id: str, *statuses: str) -> Json:
        return eventually(
            lambda: runs.retrieve(self.environment.api, run_id),
            lambda run: run["status"] in statuses,
            within=RECOVERED_SECONDS,
        )

    def decide(self, run_id: str, what: str) -> None:
        self.wait(run_id, "requires_action")
        assert tools.decide(self.environment.api, run_id, what).status_code == 200

    def looped(self, vendor: Vendor) -> str:
        """Three questions, of which one is asked twice."""
        vendor.script(vendor.calls(self.plain), fails(500), vendor.calls(self.plain), vendor.says())
        return self.begin()

    def approved(self, vendor: Vendor) -> str:
        vendor.script(vendor.calls(self.plain), vendor.calls(self.guarded), vendor.says())
        run_id = self.begin()
        self.decide(run_id, "approve")
        return run_id

    def refused_and_asked_again(self, vendor: Vendor) -> str:
        vendor.script(vendor.calls(self.guarded), vendor.calls(self.guarded), vendor.says())
        run_id = self.begin()
        self.decide(run_id, "refuse")
        self.decide(run_id, "approve")
        return run_id

    def cancelled_while_it_waits(self, vendor: Vendor) -> str:
        vendor.script(vendor.calls(self.plain), vendor.calls(self.guarded))
        run_id = self.begin()
        self.wait(run_id, "requires_action")
        runs.cancel(self.environment.api, run_id)
        return run_id

    def killed(self, vendor: Vendor) -> str:
        """Between the second question and its answer."""
        vendor.script(vendor.calls(self.plain), says("Never.").silent(), vendor.says())
        run_id = self.begin()
        self.kill_at(2)
        return run_id

    def approved_and_killed(self, vendor: Vendor) -> str:
        vendor.script(vendor.calls(self.guarded), vendor.calls(self.plain), says("Never.").silent(), vendor.says())
        run_id = self.begin()
        self.decide(run_id, "approve")
        self.kill_at(3)
        return run_id

    def kill_at(self, requests: int) -> None:
        self.environment.upstream.wait_for_requests(requests)
        self.environment.kill("worker")


def test_everybody_says_the_same_of_what_was_used(
    environment: ProxiedEnvironment, purse: Purse, receiver: Receiver
) -> None:
    plain, guarded = (tools.make(environment.api, receiver.url, needs_approval=asks) for asks in (False, True))
    turns = Turns(environment, plain, guarded)
    kinds = (
        *(turns.looped, turns.approved, turns.refused_and_asked_again, turns.cancelled_while_it_waits),
        *(turns.killed, turns.approved_and_killed),
    )
    total, number = Decimal(0), 0
    for _ in range(ROUNDS):
        for kind in kinds:
            environment.upstream.reset()
            vendor = Vendor(environment)
            run_id = kind(vendor)
            turns.wait(run_id, "completed", "cancelled")
            total, number = total + vendor.cost, number + 1

            assert_same(environment, run_id, vendor)

    assert number == 30
    purse.assert_paid(total, calls=number)


def assert_same(environment: ProxiedEnvironment, run_id: str, vendor: Vendor) -> None:
    run = runs.retrieve(environment.api, run_id)
    completion = sum(vendor.reported)
    if run["usage"]:
        assert run["usage"]["completion_tokens"] == completion
        assert run["usage"]["prompt_tokens"] == 10 * len(vendor.reported)
    attempts = [row for row in environment.rows.all(ATTEMPTS, run_id) if row["prompt"] is not None]
    assert sum(int(row["completion"]) for row in attempts) == completion
    assert sum(int(row["prompt"]) for row in attempts) == 10 * len(vendor.reported)
    entries = [entry for entry in books.entries(environment.rows, run_id) if entry[0] in ("settle", "pause", "release")]
    assert sum(Decimal(entry[1]) for entry in entries) == -vendor.cost
