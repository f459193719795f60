"""What grows with the data: everything is measured on a nearly empty database, and again on one with many messages."""

import time
import traceback
from collections.abc import Callable

import psycopg
from requests import RequestException

from tests.bench.figures import GrowthFigure, GrowthFigures
from tests.bench.growth import Measured, callers, longest, rows, statements, sweep, turns
from tests.bench.growth.callers import Admin, Caller
from tests.bench.growth.statements import Probe
from tests.bench.load.pace import Pace
from tests.bench.service import accounting
from tests.bench.service.environment import API_KEY, Environment
from tests.bench.service.programs import BenchFailed

# The account of the service's first start, which asks the turns.
ACCOUNT = "default"
FEW_MESSAGES, FEW_ACCOUNTS = 1_000, 4
LONGEST_MESSAGES = 10_000
# An account whose every end of a run is an event; nothing of it is sent.
REPORTED = "bench with an endpoint"
_ENDPOINT = """
INSERT INTO conversations_webhookendpoint (account_id, public_id, url, events)
SELECT id, 'whe_bench', 'https://bench.invalid/', '["webhook_endpoint.disabled"]' FROM conversations_account
WHERE name = %s
"""


def run(environment: Environment, pace: Pace, name: str) -> GrowthFigures:
    statements.install(environment)
    _make_reported(environment)
    _fill(environment, messages=FEW_MESSAGES, accounts=FEW_ACCOUNTS)
    few, _ = _measure(environment, accounts=FEW_ACCOUNTS)
    accounts = max(FEW_ACCOUNTS, min(200, pace.growth_messages // 1_000))
    began = time.monotonic()
    _fill(environment, messages=pace.growth_messages, accounts=accounts)
    filled_in = time.monotonic() - began
    many, dearest = _measure(environment, accounts=accounts)
    found = tuple(GrowthFigure(what=what, few=few.get(what), many=many.get(what)) for what in few | many)
    return GrowthFigures(
        name=name, messages=pace.growth_messages, seconds_to_fill=filled_in, figures=found, dearest_at_rest=dearest
    )


def _make_reported(environment: Environment) -> None:
    environment.service.create_key(REPORTED)
    with environment.database() as connection:
        connection.execute(_ENDPOINT, [REPORTED])


def _fill(environment: Environment, *, messages: int, accounts: int) -> None:
    """Vacuumed, as a service of that age has been."""
    given = {"messages": messages, "accounts": accounts, "account": ACCOUNT, "longest": LONGEST_MESSAGES}
    environment.service.manage("fill", *(f"--{name}={value}" for name, value in given.items()), "--yes")
    with environment.database() as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _measure(environment: Environment, *, accounts: int) -> tuple[Measured, dict[str, float]]:
    service = environment.service
    at_rest, seconds = statements.idle(environment)
    periodic = frozenset(at_rest)
    probe = Probe(environment, periodic=periodic)
    caller = Caller(service.base_url, key=API_KEY)
    late = Caller(service.base_url, key=service.create_key(f"filled {accounts - 1:04d}"))
    reported = service.create_key(REPORTED)
    admin = Admin(service.base_url)
    with environment.database() as connection:
        account = rows.account_id(connection, ACCOUNT)
        longest_one = rows.longest(connection, account)
        task_id, trace_id = rows.oldest_task(connection, account)
    parts: tuple[Callable[[], Measured], ...] = (
        lambda: sweep.measured(at_rest, seconds=seconds),
        lambda: turns.measured(environment, key=API_KEY, what="turn", periodic=periodic),
        lambda: turns.measured(environment, key=reported, what="turn with an endpoint", periodic=periodic),
        lambda: callers.measured(probe, callers.polls(caller, task_id=task_id, trace_id=trace_id)),
        lambda: callers.measured(probe, callers.lists(caller, late=late, longest=longest_one)),
        lambda: callers.measured(probe, callers.pages(admin, account=account, longest=longest_one)),
        lambda: longest.resent(environment, caller, longest_one),
        lambda: longest.deleted(environment, admin, caller, longest_one),
        lambda: {f"memory: {role} MB": used for role, used in accounting.memory_mb(service).items()},
    )
    found: Measured = {}
    for part in parts:
        found |= _or_nothing(part)
    return found, sweep.dearest(at_rest)


def _or_nothing(part: Callable[[], Measured]) -> Measured:
    """What this service cannot do has no figures, and does not keep the others from having theirs."""
    try:
        return part()
    except (AssertionError, LookupError, BenchFailed, RequestException, psycopg.Error):
        traceback.print_exc()
        return {}
