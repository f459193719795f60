"""Receivers that answer with anything: each costs one failed attempt, and delays no other delivery."""

import gzip
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection

from conversations import encryption
from conversations.models import Account, Delivery, SigningSecret
from conversations.rules import webhook_retry
from conversations.webhooks import sender
from conversations.workers.deliveries import DeliveryProcess
from tests import builders
from tests.builders.factories import AccountFactory
from tests.fakes import receiver as fake
from tests.integration.conversations.outbound.receivers import Receiver, Script, answering, dripping, pouring

pytestmark = pytest.mark.django_db(transaction=True)

# Instead of the 15 s that an attempt may take: where only the timeout ends it; and everywhere else, where it must not.
TIMEOUT_SECONDS, NEVER_SECONDS = 3.0, 600.0
FAR = "Wed, 21 Oct 99999999999999 07:28:00 GMT"
BOMB = gzip.compress(b"\0" * 10_000_000)


def says(wire: bytes) -> Script:
    def say(connection: socket.socket, _over: threading.Event) -> None:
        connection.sendall(wire)

    return say


def resets(connection: socket.socket, _over: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def failing(*headers: str, status: str = "503 Busy", body: bytes = b"") -> Script:
    return answering(body, status, *headers)


ROWS: dict[str, tuple[Script, int | None, str]] = {
    # name: what it does, and the status or the error that is recorded
    "retry after the end of time": (failing(f"Retry-After: {FAR}"), 503, ""),
    "retry after more than numbers hold": (failing("Retry-After: " + "9" * 4_000), 503, ""),
    "retry after a large number": (failing("Retry-After: 1e308"), 503, ""),
    "retry after no number": (failing("Retry-After: nan"), 503, ""),
    "retry after bytes": (says(b"HTTP/1.1 503 x\r\nRetry-After: \xff\xfe\r\nContent-Length: 0\r\n\r\n"), 503, ""),
    "retry after an odd zone": (failing("Retry-After: Wed, 21 Oct 2015 07:28:00 +99999999999999"), 503, ""),
    "a cookie without end": (failing(f'Set-Cookie: a=b; Expires={FAR}; Max-Age=9e999999; Port="x"'), 503, ""),
    "no text": (failing(body=b"a\x00b\xff\xfe\xed\xa0\x80\x1b[31m"), 503, ""),
    "a megabyte of header": (failing("X: " + "x" * 1_000_000), None, "bad_response"),
    "ten thousand headers": (failing(*["X-Some-Header: its value"] * 10_000), None, "bad_response"),
    "a NUL in a header": (failing("X: a\x00b"), None, "bad_response"),
    "a header without a name": (failing(": b"), None, "bad_response"),
    "status 99": (failing(status="99 x"), None, "bad_response"),
    "status 0": (failing(status="000 x"), None, "bad_response"),
    "status 999": (failing(status="999 x"), 999, ""),
    "status 101": (failing("Upgrade: websocket", status="101 x"), None, "bad_response"),
    "no status line": (says(b"Content-Length: 0\r\n\r\n"), None, "bad_response"),
    "an empty line": (says(b"\r\n\r\n"), None, "bad_response"),
    "HTTP/0.9": (says(b"hello"), None, "closed_early"),
    "HTTP/2": (says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18), None, "bad_response"),
    "TLS": (says(b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n"), None, "bad_response"),
    "two lengths": (failing("Content-Length: 5"), None, "bad_response"),
    "no length": (says(b"HTTP/1.1 503 x\r\nContent-Length: abc\r\n\r\n"), None, "bad_response"),
    "a negative length": (says(b"HTTP/1.1 503 x\r\nContent-Length: -1\r\n\r\n"), None, "bad_response"),
    "a length without end": (
        says(b"HTTP/1.1 503 x\r\nContent-Length: 9" + b"9" * 30 + b"\r\n\r\n"),
        None,
        "bad_response",
    ),
    "chunks that are none": (says(b"HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\xff"), 503, ""),
    "an unknown coding": (says(b"HTTP/1.1 503 x\r\nTransfer-Encoding: x\r\n\r\nzz"), None, "bad_response"),
    "a bomb": (failing("Content-Encoding: gzip", body=BOMB), 503, ""),
    "an encoding that is none": (
        failing("Content-Encoding: gzip, x", "Content-Type: a; charset=x", body=b"x"),
        503,
        "",
    ),
    "a redirect to itself": (failing("Location: /hook", status="302 x"), 302, ""),
    "a redirect to nowhere": (failing("Location: http://[::1%25/:99999999\\", status="308 x"), None, "bad_response"),
    "a redirect to an odd host": (
        failing("Location: https://xn--\u00e9" + "." * 300, status="307 x"),
        None,
        "bad_response",
    ),
    "early hints without end": (pouring(b"", b"HTTP/1.1 103 x\r\nLink: y\r\n\r\n" * 50), None, "bad_response"),
    "a body without end": (pouring(b"HTTP/1.1 503 x\r\n\r\n", b"x" * 10_000), 503, ""),
    "a byte now and then": (dripping(b"HTTP/1.1 503 x\r\nX:", b"y", pause=0.3), None, "timed_out"),
    "a body that stops": (dripping(b"HTTP/1.1 503 x\r\nContent-Length: 9\r\n\r\n", b"", pause=9), 503, ""),
    "half a head": (says(b"HTTP/1.1 503 Busy\r\nX"), None, "closed_early"),
    "a reset": (resets, None, "closed_early"),
}
ENDLESS = ("a byte now and then", "a body that stops")


@pytest.fixture
def process() -> Iterator[DeliveryProcess]:
    running = DeliveryProcess()
    yield running
    running.drain(seconds=30.0)
    running.stop()


@pytest.mark.parametrize("name", ROWS)
def test_an_odd_receiver_costs_one_failed_attempt_and_delays_nobody_else(
    ann: Account, process: DeliveryProcess, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    script, status, error = ROWS[name]
    monkeypatch.setattr(sender, "TIMEOUT_SECONDS", TIMEOUT_SECONDS if name in ENDLESS else NEVER_SECONDS)
    with Receiver(script) as odd, fake.Receiver() as healthy:
        delivery = builders.webhooks.delivery(ann, f"http://127.0.0.1:{odd.port}/hook")
        process.fill()
        (attempt,) = settled(delivery).attempts.all()
        builders.webhooks.delivery(AccountFactory.create(name="bob"), healthy.url)

        process.fill()
        healthy.wait(1)

    assert (attempt.http_status, attempt.error) == (status, error)
    assert odd.connections == 1
    first = timedelta(seconds=webhook_retry.SCHEDULE_SECONDS[0])
    assert (delivery.status, delivery.schedule_step, delivery.claimed_until) == ("pending", 1, None)
    assert delivery.next_attempt_at - attempt.started_at >= first


def test_accepts_an_answer_that_comes_before_the_request_was_read(ann: Account, process: DeliveryProcess) -> None:
    with Receiver(answering(b"too much", "413 Too Large"), speaks_first=True) as hasty:
        delivery = builders.webhooks.delivery(ann, f"http://127.0.0.1:{hasty.port}/hook")
        builders.webhooks.record(ann, data={"id": "x", "filler": "y" * 15_000})

        process.fill()
        (attempt,) = settled(delivery).attempts.all()

    assert attempt.http_status == 413 or attempt.error == "closed_early"


@pytest.mark.parametrize("value", [FAR, "9" * 4_000, "1e308", "nan"])
def test_a_success_stays_one_whatever_its_headers_ask_for(ann: Account, process: DeliveryProcess, value: str) -> None:
    with Receiver(answering(b"ok", "200 OK", f"Retry-After: {value}")) as odd:
        delivery = builders.webhooks.delivery(ann, f"http://127.0.0.1:{odd.port}/hook")
        process.fill()
        (attempt,) = settled(delivery).attempts.all()

    assert (delivery.status, attempt.http_status, attempt.error) == ("succeeded", 200, "")


def settled(delivery: Delivery) -> Delivery:
    """The delivery, once its first attempt is recorded."""
    deadline = time.monotonic() + 60.0
    while not delivery.attempts.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    delivery.refresh_from_db()
    return delivery


def test_an_unexpected_error_is_a_failed_attempt_too(ann: Account, process: DeliveryProcess) -> None:
    """Such as a secret that was corrupted by hand; other deliveries to the same receiver succeed."""
    with fake.Receiver() as receiver:
        spoilt, kept = (
            builders.webhooks.delivery(ann, receiver.url),
            builders.webhooks.delivery(AccountFactory.create(name="bob"), receiver.url),
        )
        SigningSecret.objects.filter(endpoint=spoilt.endpoint_id).update(encrypted=encryption.encrypt("whsec_é"))

        process.fill()
        receiver.wait(1)
        (attempt,) = settled(spoilt).attempts.all()
        (good,) = settled(kept).attempts.all()

    assert (attempt.http_status, attempt.error, attempt.response) == (None, "broken", "")
    assert (spoilt.status, spoilt.schedule_step, spoilt.claimed_until) == ("pending", 1, None)
    assert spoilt.next_attempt_at > attempt.started_at
    assert (good.http_status, kept.status) == (200, "succeeded")
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(("status", "becomes"), [(200, "succeeded"), (503, "pending")])
def test_an_outcome_is_recorded_though_the_response_cannot_be_stored(
    ann: Account, process: DeliveryProcess, status: int, becomes: str
) -> None:
    with fake.Receiver() as receiver, _refusing_every_word():
        receiver.default = fake.answers(status, b"a word")
        delivery = builders.webhooks.delivery(ann, receiver.url)

        process.fill()
        (attempt,) = settled(delivery).attempts.all()

    assert (attempt.http_status, attempt.error, attempt.response) == (status, "", "")
    assert (delivery.status, delivery.schedule_step, delivery.claimed_until) == (becomes, 1, None)
    assert len(receiver.requests) == 1


@contextmanager
def _refusing_every_word() -> Iterator[None]:
    """By the database itself, so that it is a refusal like any other."""
    table = "ALTER TABLE conversations_deliveryattempt"
    with connection.cursor() as cursor:
        cursor.execute(f"{table} ADD CONSTRAINT no_word CHECK (response = '')")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"{table} DROP CONSTRAINT no_word")
