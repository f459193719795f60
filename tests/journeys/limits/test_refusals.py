"""Journey: what each family says when a key, a limit or a balance refuses a question, also to AceData's own SDK."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import acedatacloud
import httpx
import pytest
import requests
from acedatacloud import AceDataCloud

from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, NDJSON, SSE, Api, new_id, refusal, user
from tests.journeys.rows import Rows
from tests.journeys.service import Service

UNPRICED = "gpt-5.6-sol-fast"
# Options of the key and fields of the question; what AceData's clients and OpenAI's are told.
REFUSALS: dict[str, tuple[tuple[str, ...], dict[str, str], tuple[int, str], tuple[int, str | None]]] = {
    "an expired key": (("--expires", "2020-01-01"), {}, (401, "token_expired"), (401, "invalid_api_key")),
    "a family": (("--scope", "api"), {}, (403, "forbidden"), (403, "missing_scope")),
    "a model": (("--model", "echo"), {}, (403, "forbidden"), (403, "model_not_found")),
    "the balance": (("--balance", "0"), {}, (403, "used_up"), (429, "insufficient_quota")),
    "the calls": (("--calls", "0"), {}, (403, "used_up"), (429, "insufficient_quota")),
    "no price": (("--balance", "5"), {"model": UNPRICED}, (403, "forbidden"), (403, None)),
}
ASKS: dict[str, dict[str, Any]] = {
    "chat/completions": {"messages": [user("Hi")]},
    "completions": {"prompt": "Hi"},
    "embeddings": {"input": "Hi", "model": "text-embedding-3-small"},
}
# Every model of embeddings that is configured here has a price.
OF_V1 = [(refused, route) for refused in REFUSALS for route in ASKS if (refused, route) != ("no price", "embeddings")]
EXCEPTIONS = {
    "token_expired": acedatacloud.AuthenticationError,
    "used_up": acedatacloud.InsufficientBalanceError,
    "forbidden": acedatacloud.ModerationError,
}


@pytest.fixture(scope="module")
def keys(service: Service) -> dict[str, str]:
    return {refused: service.create_key(new_id(), *options) for refused, (options, *_) in REFUSALS.items()}


@pytest.fixture
def nothing_charged(rows: Rows, keys: dict[str, str]) -> Iterator[None]:
    """Checks after the test that the ledger has not changed since its keys were made."""
    count = "SELECT count(*) AS n FROM conversations_ledgerentry"
    before = rows.all(count)
    yield
    assert rows.all(count) == before


@contextmanager
def ace(service: Service, key: str, **headers: str) -> Iterator[tuple[AceDataCloud, list[httpx.Request]]]:
    """AceData's SDK with its own retries, and the requests that it has sent."""
    sent: list[httpx.Request] = []
    with AceDataCloud(base_url=service.base_url, api_token=key, headers=headers) as sdk:
        sdk._transport._client.event_hooks = {"request": [sent.append]}
        yield sdk, sent


@pytest.mark.usefixtures("nothing_charged", "nothing_stored_or_asked")
@pytest.mark.parametrize("refused", REFUSALS)
def test_acedatas_sdk_asks_once_for_what_is_final(service: Service, keys: dict[str, str], refused: str) -> None:
    _, fields, (status, code), _ = REFUSALS[refused]

    with ace(service, keys[refused]) as (sdk, sent), pytest.raises(EXCEPTIONS[code]) as caught:
        sdk.aichat.create(**{"model": MODEL, "question": "Hi", **fields})

    assert (caught.value.status_code, caught.value.code, len(sent)) == (status, code, 1)


@pytest.mark.usefixtures("nothing_charged", "nothing_stored_or_asked")
@pytest.mark.parametrize("accept", ["application/json", NDJSON, SSE])
@pytest.mark.parametrize("refused", REFUSALS)
def test_aichat_refuses_a_stream_before_it_begins(
    service: Service, keys: dict[str, str], refused: str, accept: str
) -> None:
    _, fields, expected, _ = REFUSALS[refused]
    question = {"model": MODEL, "question": "Hi", **fields}

    answer = Api(service.base_url, keys[refused]).post(question, accept=accept)

    assert refusal(answer)[:2] == expected


@pytest.mark.usefixtures("nothing_charged", "nothing_stored_or_asked")
@pytest.mark.parametrize(("refused", "route"), OF_V1)
def test_every_route_of_v1_refuses_in_openais_words(
    service: Service, keys: dict[str, str], refused: str, route: str
) -> None:
    _, fields, _, (status, code) = REFUSALS[refused]
    answer = requests.post(
        f"{service.base_url}/v1/{route}",
        json={"model": MODEL, **ASKS[route], **fields},
        headers={"Authorization": f"Bearer {keys[refused]}"},
        timeout=30,
    )

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert error.keys() == {"message", "type", "param", "code"}
    assert answer.headers.get("x-should-retry") == ("false" if status == 429 else None)
    assert "Retry-After" not in answer.headers


def test_a_limit_of_its_own_refuses_a_question_uncharged(service: Service, upstream: FakeUpstream, rows: Rows) -> None:
    name = new_id()
    key = service.create_key(name, "--balance", "5")
    before = rows.counts()

    with (
        ace(service, key, **{"X-Max-Cost": "0"}) as (sdk, sent),
        pytest.raises(acedatacloud.InsufficientBalanceError) as caught,
    ):
        sdk.aichat.create(model=MODEL, question="Hi")

    assert (caught.value.status_code, caught.value.code, len(sent)) == (403, "used_up", 1)
    assert upstream.requests == []
    (balance,) = rows.all(
        "SELECT amount, reserved FROM conversations_balance JOIN conversations_account a ON a.id = account_id"
        " WHERE a.name = %s",
        name,
    )
    assert balance == {"amount": 5, "reserved": 0}
    assert rows.counts() == before


# As they stand in the request's head.
NO_AMOUNTS = {
    "empty": b"",
    "of blanks": b"   ",
    "no number": b"NaN",
    "endless": b"Infinity",
    "too large": b"1e400",
    "negative": b"-1",
    "with an underscore": b"1_0",
    "in Arabic": "٣".encode(),
    "twice": b"0.05\r\nX-Max-Cost: 0.06",
    "twice, once empty": b"0.05\r\nX-Max-Cost:",
    "long": b"1" * 10_000,
    "NUL": b"0.05\x00",
}


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize("path", ["/aichat/conversations", "/v1/chat/completions", "/v1/completions", "/v1/embeddings"])
@pytest.mark.parametrize("what", NO_AMOUNTS)
def test_a_limit_that_is_no_amount_is_refused(service: Service, api: Api, path: str, what: str) -> None:
    asked = json.dumps({"model": "echo", "question": "Hi", "prompt": "Hi", "input": "Hi", "messages": [user("Hi")]})
    head = f"POST {path} HTTP/1.1\r\nHost: localhost:{service.port}\r\nAuthorization: Bearer {api.key}\r\n"
    rest = f"\r\nContent-Length: {len(asked)}\r\nConnection: close\r\n\r\n{asked}"

    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(head.encode() + b"X-Max-Cost: " + NO_AMOUNTS[what] + rest.encode())
        answer = b"".join(iter(partial(connection.recv, 65_536), b""))

    assert answer.startswith(b"HTTP/1.1 400 ")
    # What no header may hold is refused before anybody reads it.
    assert (b"X-Max-Cost must be an amount" in answer) != (what == "NUL")


def test_acedatas_sdk_repeats_a_limit_whatever_it_is_told(service: Service, upstream: FakeUpstream) -> None:
    """It ignores Retry-After: three requests within four seconds, where one comes back every thirty."""
    key = service.create_key(new_id(), "--requests-per-minute", "2")

    with ace(service, key) as (sdk, sent):
        sdk.aichat.create(model=MODEL, question="Hi")
        sdk.aichat.create(model=MODEL, question="Hi")
        sent.clear()
        with pytest.raises(acedatacloud.RateLimitError) as caught:
            sdk.aichat.create(model=MODEL, question="Hi")

    assert (caught.value.status_code, caught.value.code, len(sent)) == (429, "too_many_requests", 3)
    assert len(upstream.requests) == 2
