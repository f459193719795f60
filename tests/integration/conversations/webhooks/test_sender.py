"""One POST to real receivers that misbehave in every way."""

import time
from collections.abc import Iterator

import httpx
import pytest

from conversations.outbound import addresses, http
from conversations.outbound.errors import OutboundError
from conversations.webhooks import sender
from conversations.webhooks.sender import Outcome, SendError
from tests.fakes import receiver as fake
from tests.fakes.receiver import Behaviour, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with http.open_client(allow=addresses.ranges(["127.0.0.0/8"]), max_connections=4) as opened:
        yield opened


def post(client: httpx.Client, url: str, body: bytes = b"{}") -> Outcome:
    return sender.post(client, url=url, headers={"webhook-id": "evt_1"}, body=body)


def test_sends_the_exact_bytes_and_keeps_an_excerpt_of_the_response(client: httpx.Client, receiver: Receiver) -> None:
    receiver.default = fake.answers(202, "谢谢".encode())

    outcome = post(client, f"{receiver.url}?a=b", '{"a":"你好"}'.encode())

    (posted,) = receiver.requests
    assert (posted.path, posted.body, posted.headers["webhook-id"]) == ("/hook?a=b", '{"a":"你好"}'.encode(), "evt_1")
    assert posted.headers["accept-encoding"] == "identity"
    assert (outcome.http_status, outcome.error, outcome.excerpt) == (202, None, "谢谢")
    assert 0 < outcome.seconds < sender.TIMEOUT_SECONDS


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (fake.closes(), SendError.CLOSED_EARLY),
        (fake.says(b"HTTP/1.1 200 OK\r\nContent-"), SendError.CLOSED_EARLY),
        (fake.says(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), SendError.BAD_RESPONSE),
        (fake.says(b"HTTP/1.1 200 OK\r\n" + b"X-Header: y\r\n" * 20_000 + b"\r\n"), SendError.BAD_RESPONSE),
    ],
    ids=["silent", "mid-headers", "not-http", "endless-headers"],
)
def test_names_the_error_when_there_is_no_response(
    client: httpx.Client, receiver: Receiver, behaviour: Behaviour, error: SendError
) -> None:
    receiver.default = behaviour

    outcome = post(client, receiver.url)

    assert (outcome.http_status, outcome.error, outcome.excerpt) == (None, error, "")


def test_knows_a_closed_port_and_a_missing_tls(client: httpx.Client, receiver: Receiver) -> None:
    receiver.default = fake.answers()
    with Receiver() as gone:
        url = gone.url

    assert post(client, url).error is SendError.UNREACHABLE
    assert post(client, receiver.url.replace("http:", "https:")).error is SendError.TLS_FAILED


@pytest.mark.parametrize("behaviour", [fake.stalls(), fake.drips(0.05)], ids=["silent", "dripping"])
def test_waits_no_longer_than_its_time_in_all(
    client: httpx.Client, receiver: Receiver, behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "TIMEOUT_SECONDS", 0.5)
    receiver.default = behaviour
    began = time.monotonic()

    outcome = post(client, receiver.url)

    assert (outcome.http_status, outcome.error) == (None, SendError.TIMED_OUT)
    assert 0.4 < time.monotonic() - began < 30.0


def test_the_status_decides_though_the_body_never_comes(
    client: httpx.Client, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "TIMEOUT_SECONDS", 0.5)
    receiver.default = fake.answers_and_stalls(204)

    assert post(client, receiver.url).http_status == 204


def test_reads_a_kilobyte_of_more_than_it_has_time_for(client: httpx.Client, receiver: Receiver) -> None:
    receiver.default = fake.floods(1_000_000)

    outcome = post(client, receiver.url)

    assert (outcome.http_status, outcome.excerpt) == (200, "a" * 1024)
    assert outcome.seconds < sender.TIMEOUT_SECONDS


def test_never_follows_a_redirect(client: httpx.Client, receiver: Receiver) -> None:
    with Receiver() as other:
        receiver.default = fake.answers(307, b"", {"Location": other.url})

        outcome = post(client, receiver.url)

        assert outcome.http_status == 307
        assert other.requests == []


def test_makes_an_excerpt_that_can_be_stored_and_shown(client: httpx.Client, receiver: Receiver) -> None:
    receiver.default = fake.answers(500, b"a\x00b\x1b[31m\xff\n\tc")

    assert post(client, receiver.url).excerpt == "a\ufffdb\ufffd[31m\ufffd\n\tc"


@pytest.mark.parametrize(("value", "seconds"), [("120", 120.0), ("soon", None), ("-1", None)])
def test_returns_the_receivers_retry_after(
    client: httpx.Client, receiver: Receiver, value: str, seconds: float | None
) -> None:
    receiver.default = fake.answers(503, b"", {"Retry-After": value})

    assert post(client, receiver.url).retry_after == seconds


def test_names_every_error_of_a_request() -> None:
    assert sender.SEND_ERRORS.keys() == set(OutboundError.__subclasses__())
