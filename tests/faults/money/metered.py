"""An account that pays, and what turns cost it.

A call costs half a dollar, and a token of its answer 0.001. A question is free, so that every turn of these tests
reserves the same at first, however long its history is.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from tests.fakes.replies import says
from tests.faults.harness.environment import Environment, ProxiedEnvironment
from tests.journeys import books
from tests.journeys.books import Entry
from tests.journeys.clients.aichat import Api, new_id
from tests.waiting import eventually

ACCOUNT = "metered"
BALANCE, CALLS = Decimal(1000), 10_000
PRICES = """
INSERT INTO conversations_price (vendor, model, kind, amount, currency, valid_from, source)
SELECT 'openai', 'gpt-4o-mini', kind, amount, 'USD', now(), 'admin'
FROM (VALUES ('input', 0), ('output', 1000), ('call', 0.5)) AS p(kind, amount)
"""
# For the call and the first 256 tokens of its answer.
RESERVED: Entry = ("reserve", "0", "0.756", -1)
# For the call and five tokens: those of FIRST, of SECOND and of every other answer in these tests.
COST = Decimal("0.505")
FIVE_TOKENS = "One two three four."
PAID: Entry = ("settle", "-0.505", "-0.756", 0)
RELEASED: Entry = ("release", "0", "-0.756", 1)
# The statement that reserves more for a run in progress.
EXTENDS = rb"WITH mine AS \(.*conversations_balance"
COMPLETED, ENDED_FREE = [RESERVED, PAID], [RESERVED, RELEASED]
# Of a turn that was stopped when its vendor had the question, and had said nothing yet.
STOPPED_COST = Decimal("0.5")
STOPPED = [RESERVED, ("settle", "-0.5", "-0.756", 0)]


@dataclass
class Purse:
    """What a metered account has, by what was seen of its turns since."""

    environment: Environment
    account: str
    amount: Decimal = field(init=False)
    calls: int = field(init=False)

    def __post_init__(self) -> None:
        amount, reserved, calls = self.state
        assert reserved == "0"
        assert calls is not None
        self.amount, self.calls = Decimal(amount), calls

    @property
    def state(self) -> tuple[str, str, int | None]:
        return books.state(self.environment.rows, self.account)

    def assert_paid(self, cost: Decimal, *, calls: int) -> None:
        """Since this was made; nothing is reserved any more."""
        books.assert_balanced(self.environment.rows)
        assert self.state == (books.shown(self.amount - cost), "0", self.calls - calls)


def open_account(environment: Environment, name: str) -> str:
    """The key of a new account that pays, once every process of the service knows the prices."""
    environment.rows.change(PRICES)
    key = environment.service.create_key(name, "--balance", str(BALANCE), "--calls", str(CALLS))
    api = Api(environment.service.base_url, key)

    def entries() -> list[Entry]:
        environment.plan("Priced?", says(FIVE_TOKENS))
        response = api.ask("Priced?", id=new_id())
        assert response.status_code == 200, response.text
        return books.entries(environment.rows, response.headers["X-Run-Id"])

    environment.reset()
    eventually(entries, lambda found: found == COMPLETED)
    return key


@contextlib.contextmanager
def metered(environment: ProxiedEnvironment, name: str) -> Iterator[ProxiedEnvironment]:
    """The same service and plans, for a new account that pays."""
    key = open_account(environment, name)
    with environment.with_key(key) as metered_environment:
        yield metered_environment
