"""Fault: 1,000 deliveries to 50 receivers, five of which hang: nobody else may notice."""

import contextlib
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.fakes import receiver as fake
from tests.fakes.receiver import Receiver
from tests.journeys.clients.aichat import Api
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

pytestmark = pytest.mark.faults

ACCOUNTS, RECEIVERS, HANGING, TURNS = 5, 50, 5, 20
HEALTHY = RECEIVERS - HANGING
MINUTE = 60.0

# From when the delivery was made to the response, in seconds.
LAGS = """
SELECT extract(epoch FROM a.started_at - d.created_at)::float + a.duration_ms / 1000.0 AS lag
FROM conversations_delivery d JOIN conversations_deliveryattempt a ON a.delivery_id = d.id
WHERE d.status = 'succeeded'
"""
SUCCEEDED = "SELECT count(*) AS n FROM conversations_delivery WHERE status = 'succeeded'"


def test_hanging_receivers_delay_nobody_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service = Service(data_dir=tmp_path / "var", env={"OUTBOUND_ALLOW": "127.0.0.0/8"})
    with contextlib.ExitStack() as stack:
        receivers = [stack.enter_context(Receiver()) for _ in range(RECEIVERS)]
        stack.callback(service.stop)
        service.start()
        for receiver in receivers[:HANGING]:
            receiver.default = fake.stalls()
        owners = [owner(service, number, receivers[number::ACCOUNTS]) for number in range(ACCOUNTS)]
        rows = Rows.of(service)
        stack.callback(rows.close)
        began = time.monotonic()

        with ThreadPoolExecutor(ACCOUNTS) as asking_at_once:
            list(asking_at_once.map(ask, owners))
        done = eventually(lambda: rows.all(SUCCEEDED)[0]["n"], lambda count: count >= HEALTHY * TURNS, within=MINUTE)
        took = time.monotonic() - began
        lags = sorted(float(row["lag"]) for row in rows.all(LAGS))

    # No test of speed but of fairness; the figures are for whoever changes the sender.
    p50, p95 = statistics.median(lags), lags[int(len(lags) * 0.95)]
    with capsys.disabled():
        print(f"\n{done} deliveries in {took:.1f} s; lag p50 {p50:.2f} s, p95 {p95:.2f} s, most {lags[-1]:.2f} s")  # noqa: T201
    assert done == HEALTHY * TURNS
    assert all(len(receiver.requests) == TURNS for receiver in receivers[HANGING:])
    assert took < MINUTE


def owner(service: Service, number: int, receivers: list[Receiver]) -> Api:
    api = Api(service.base_url, service.create_key(f"owner {number}"))
    for receiver in receivers:
        body = {"url": receiver.url, "events": ["run.completed"]}
        made = requests.post(f"{api.base_url}/api/v1/webhook_endpoints", json=body, headers=api.headers, timeout=30)
        assert made.status_code == 201
    return api


def ask(api: Api) -> None:
    for _ in range(TURNS):
        api.answer("Hello", model="echo")
