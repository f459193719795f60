"""One running service with prices that can be reckoned in the head, and accounts that pay by them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest
import requests

from tests.fakes.replies import fails
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.journeys import books
from tests.journeys.books import Entry
from tests.journeys.clients import progress
from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.clients.openai import Chat
from tests.journeys.conftest import VENDOR_KEY
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

# Of a million tokens, and of a call. Of gpt-4o and the small embeddings tokens are paid, of the others calls.
PRICES = """
INSERT INTO conversations_price (vendor, model, kind, amount, currency, valid_from, source)
SELECT vendor, model, kind, amount, 'USD', now(), 'admin'
FROM (VALUES ('openai', 'gpt-4o', 'input', 1000), ('openai', 'gpt-4o', 'output', 2000),
             ('openai', 'text-embedding-3-small', 'input', 1000),
             ('openai', 'gpt-4o-mini', 'input', 0), ('openai', 'gpt-4o-mini', 'output', 0),
             ('openai', 'gpt-4o-mini', 'call', 0.5),
             ('openai', 'text-embedding-3-large', 'input', 0), ('openai', 'text-embedding-3-large', 'call', 0.5),
             ('xai', 'gpt-4.1', 'call', 0.5), ('deepseek', 'gpt-4.1', 'call', 0.5),
             ('xai', 'gpt-4.1-mini', 'call', 1), ('deepseek', 'gpt-4.1-mini', 'call', 0.5),
             ('searxng', 'search', 'search', 0.25)
     ) AS p(vendor, model, kind, amount)
"""
# These models are asked at a vendor that always fails, and then at another. Of the second model that one is cheaper.
TARGETS = """
from conversations.models import UpstreamKey, UpstreamTarget
from conversations.services.upstreams import keys, targets
for priority, (vendor, url) in enumerate([("xai", "{broken}"), ("deepseek", "{vendor}")], start=1):
    key = keys.save(UpstreamKey(name=vendor, vendor=vendor, base_url=url), secret="sk-" + vendor)
    for model in ("gpt-4.1", "gpt-4.1-mini"):
        targets.save(UpstreamTarget(model=model, key=key, priority=priority))
"""


@dataclass(frozen=True)
class Payer:
    """A metered account and its clients."""

    name: str
    api: Api
    chat: Chat
    rows: Rows

    @property
    def state(self) -> tuple[str, str, int | None]:
        """Amount, reserved, calls left: the ledger and the active runs say the same."""
        books.assert_balanced(self.rows)
        return books.state(self.rows, self.name)

    def post(self, route: str, body: object, **headers: str) -> requests.Response:
        return requests.post(self.api.base_url + route, json=body, headers={**self.api.headers, **headers}, timeout=60)

    def entries(self, response: requests.Response) -> list[Entry]:
        """Those of the response's run, which may not have ended."""
        return books.entries(self.rows, response.headers["X-Run-Id"])

    def all_entries(self) -> list[Entry]:
        """Those of all its runs, in order; without the entry that opened its balance."""
        found = self.rows.all(ALL_ENTRIES, self.name)
        return [(row["kind"], books.shown(row["amount"]), books.shown(row["reserved"]), row["calls"]) for row in found]


ALL_ENTRIES = """
SELECT l.* FROM conversations_ledgerentry l JOIN conversations_account a ON a.id = l.account_id
WHERE a.name = %s AND l.run_id IS NOT NULL ORDER BY l.run_id, l.id
"""
OpenPayer = Callable[..., Payer]
ACCOUNTS = """
from decimal import Decimal
from conversations.services.accounts import accounts, api_keys
from conversations.services.money import balances
for name in {names}:
    account = accounts.open_metered(name=name, amount=Decimal("{balance}"))
    if {calls} is not None:
        balances.set_calls(account=account, calls={calls})
    print(api_keys.create(account=account))
"""
# How many are made at once: each look into the service's Django takes as long as a test.
BATCH = 12


class Accounts:
    """Metered accounts that no test uses yet."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._unused: dict[tuple[str, int | None], list[tuple[str, str]]] = {}

    def take(self, rows: Rows, balance: str, *, calls: int | None = None) -> Payer:
        unused = self._unused.setdefault((balance, calls), [])
        if not unused:
            names = [new_id() for _ in range(BATCH)]
            code = ACCOUNTS.format(names=names, balance=balance, calls=calls)
            printed = self._service.manage("shell", "--no-imports", "--command", code)
            unused += zip(names, printed.split(), strict=True)
        name, key = unused.pop()
        return Payer(name, Api(self._service.base_url, key), Chat(self._service.base_url, key), rows)


# "Hi" to the model whose tokens are paid: nine of them are estimated, and 256 of an answer.
MODEL = "gpt-4o"
RESERVED: Entry = ("reserve", "0", "0.521", 0)
RELEASED: Entry = ("release", "0", "-0.521", 0)
# Ten tokens and 37, as the vendor reports: "1 messages; the last user message: Hi".
PAID: Entry = ("settle", "-0.084", "-0.521", 0)
# Of a vendor that reports nothing: nine tokens, and two of "Half an".
ESTIMATED: Entry = ("settle", "-0.013", "-0.521", 0)
# What gpt-4.1-mini costs: reserved at the dearest of its targets, and paid at the one that answered.
FAILED_OVER: list[Entry] = [("reserve", "0", "1", 0), ("settle", "-0.5", "-1", 0)]


@pytest.fixture(scope="package")
def broken_vendor() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        fake.default = lambda _: fails(503)
        yield fake


@pytest.fixture(scope="package")
def paid_vendor() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="package")
def own_service(
    tmp_path_factory: pytest.TempPathFactory, paid_vendor: FakeUpstream, broken_vendor: FakeUpstream, whole_web: FakeWeb
) -> Iterator[Service]:
    env = {
        "OPENAI_API_KEY": VENDOR_KEY,
        "OPENAI_BASE_URL": paid_vendor.base_url,
        "SEARXNG_URL": whole_web.base_url,
        # Receivers of callbacks are on loopback.
        "OUTBOUND_ALLOW": "127.0.0.0/8",
    }
    with (
        Service(data_dir=tmp_path_factory.mktemp("money") / "var", env=env) as running,
        progress.reporting(paid_vendor, running),
        Rows.of(running) as rows,
    ):
        # Before the first turn, so that every process finds them at its first look.
        rows.change(PRICES)
        running.in_shell(TARGETS.format(broken=broken_vendor.base_url, vendor=paid_vendor.base_url))
        probing = Accounts(running).take(rows, "100")
        # Until the targets act in every process.
        eventually(
            lambda: probing.entries(probing.api.ask("Known?", model="gpt-4.1-mini")), lambda found: found == FAILED_OVER
        )
        yield running


@pytest.fixture
def upstream(paid_vendor: FakeUpstream) -> FakeUpstream:
    """The vendor that answers, with no requests and no script yet."""
    paid_vendor.reset()
    return paid_vendor


@pytest.fixture(scope="package")
def accounts(own_service: Service) -> Accounts:
    return Accounts(own_service)


@pytest.fixture
def payer(accounts: Accounts, own_rows: Rows) -> OpenPayer:
    """A new account with so much money, and so many calls if any are given."""
    return partial(accounts.take, own_rows)


@pytest.fixture
def paying(payer: OpenPayer) -> Payer:
    """With ten dollars."""
    return payer("10")
