"""Conformance: refusals of keys, limits and balances are the right class of error, and repeated only if that helps."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.conformance.expected import error
from tests.conformance.sdks import Sdk
from tests.fakes.replies import says, tokens
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, SILENCE_SECONDS, new_id, user
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

pytestmark = pytest.mark.conformance

HI: dict[str, Any] = {"model": MODEL, "messages": [user("Hi")]}
LONG: dict[str, Any] = {"model": MODEL, "messages": [user("word " * 4000)]}
# What the vendor counts of LONG.
LONG_TOKENS = 4000
UNPRICED = "gpt-5.6-sol-fast"
LESS_THAN_A_TURN = "0.00001"
# Enough for HI and the beginning of an answer, and too little for LONG in its history.
ENOUGH_FOR_HI, ENOUGH_FOR_LONG = "0.0002", "0.01"

USED_UP = error("RateLimitError", 429, "insufficient_quota", type="insufficient_quota")
LIMITED = error("RateLimitError", 429, "rate_limit_exceeded", type="rate_limit_error")
# Options of the key, fields of the body, and the error.
FINAL: dict[str, tuple[tuple[str, ...], dict[str, Any], dict[str, Any]]] = {
    "an expired key": (
        ("--expires", "2020-01-01"), {}, error("AuthenticationError", 401, "invalid_api_key"),
    ),
    "a family": (("--scope", "aichat"), {}, error("PermissionDeniedError", 403, "missing_scope")),
    "a model": (("--model", "echo"), {}, error("PermissionDeniedError", 403, "model_not_found", "model")),
    "the balance": (("--balance", LESS_THAN_A_TURN), {}, USED_UP),
    "the calls": (("--calls", "0"), {}, USED_UP),
    "no price": (("--balance", "5"), {"model": UNPRICED}, error("PermissionDeniedError", 403, None, "model")),
}  # fmt: skip

LEAVE = """
from decimal import Decimal
from conversations.models import Account, Balance
from conversations.services.money import balances
account = Account.objects.get(name={name!r})
has = Balance.objects.for_account(account).get()
balances.adjust(account=account, amount=Decimal({amount!r}) - has.amount + has.reserved, note="for a test")
"""


@pytest.fixture(scope="session")
def final_keys(service: Service) -> dict[str, str]:
    """For each of FINAL a key of an account of its own, made once for all SDKs."""
    return {refused: service.create_key(new_id(), *options) for refused, (options, *_) in FINAL.items()}


@pytest.fixture
def nothing_charged(rows: Rows) -> Iterator[None]:
    """Checks after the test that the ledger has not changed."""
    before = _entries(rows)
    yield
    assert _entries(rows) == before


def _entries(rows: Rows) -> int:
    return int(rows.all("SELECT count(*) AS n FROM conversations_ledgerentry")[0]["n"])


@pytest.mark.usefixtures("nothing_charged", "nothing_stored_or_asked")
@pytest.mark.parametrize("do", ["chat", "stream"])
@pytest.mark.parametrize("refused", FINAL)
def test_what_is_final_is_asked_once(sdk: Sdk, final_keys: dict[str, str], do: str, refused: str) -> None:
    _, fields, expected = FINAL[refused]

    result = sdk.ask(do, client={"api_key": final_keys[refused]}, **{**HI, **fields})

    assert (result["error"], result["http_requests"]) == (expected, 1)


@pytest.mark.parametrize("do", ["chat", "stream"])
def test_a_limit_of_its_own_refuses_a_question_uncharged(
    sdk: Sdk, service: Service, upstream: FakeUpstream, rows: Rows, do: str
) -> None:
    name = new_id()
    client = {"api_key": service.create_key(name, "--balance", "5")}

    result = sdk.ask(do, client=client, headers={"X-Max-Cost": "0"}, **HI)

    assert (result["error"], result["http_requests"]) == (error("BadRequestError", 400, None), 1)
    assert upstream.requests == []
    assert _balance(rows, name) == ("5", "0")


@pytest.mark.usefixtures("nothing_stored_or_asked")
def test_a_quota_is_final(sdk: Sdk, service: Service, rows: Rows) -> None:
    name = new_id()
    key = service.create_key(name)
    rows.change("UPDATE conversations_account SET max_conversations = 0 WHERE name = %s", name)

    result = sdk.ask("chat", client={"api_key": key}, store=True, **HI)

    assert result == {"error": USED_UP, "http_requests": 1}


def test_a_limit_of_requests_is_waited_for(sdk: Sdk, service: Service, upstream: FakeUpstream) -> None:
    """A request comes back every 3 s: an SDK that had not read Retry-After would be refused three times by then."""
    key = service.create_key(new_id(), "--requests-per-minute", "20")
    _use_up_requests(service, key)

    at_once = sdk.ask("chat", client={"api_key": key, "max_retries": 0}, **HI)
    patient = sdk.ask("chat", client={"api_key": key}, **HI)

    assert at_once == {"error": LIMITED, "http_requests": 1}
    assert patient["http_requests"] == 2
    assert len(upstream.requests) == 1


def _use_up_requests(service: Service, key: str) -> None:
    """A request that is wrong counts too, and costs the least."""
    url, headers = f"{service.base_url}/v1/chat/completions", {"Authorization": f"Bearer {key}"}
    with requests.Session() as session:
        while session.post(url, json={}, headers=headers, timeout=30).status_code == 400:
            pass


@pytest.mark.parametrize("do", ["chat", "stream"])
def test_a_limit_of_tokens_is_counted_by_what_was_used(
    sdk: Sdk, service: Service, upstream: FakeUpstream, do: str
) -> None:
    key = service.create_key(new_id(), "--tokens-per-minute", "1000")
    upstream.script(says("Hello", usage=tokens(1900, 100)))
    sdk.ask("chat", client={"api_key": key}, **HI)

    result = sdk.ask(do, client={"api_key": key, "max_retries": 0}, **HI)

    assert (result["error"], result["http_requests"]) == (LIMITED, 1)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("do", ["chat", "stream"])
def test_a_limit_of_questions_at_once_ends_with_them(
    sdk: Sdk, service: Service, upstream: FakeUpstream, do: str
) -> None:
    key = service.create_key(new_id(), "--concurrency", "1")
    upstream.script(says("Fir", "st").stalled_after(1))
    with Sdk(sdk.kind, base_url=sdk.base_url, api_key=key) as other, ThreadPoolExecutor(1) as threads:
        first = threads.submit(other.ask, "chat", **HI)
        upstream.wait_for_requests(1)

        result = sdk.ask(do, client={"api_key": key, "max_retries": 0}, **HI)

        upstream.release()
        assert first.result()["choices"][0]["content"] == "First"
    assert (result["error"], result["http_requests"]) == (LIMITED, 1)
    assert sdk.ask("chat", client={"api_key": key}, **HI)["http_requests"] == 1
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("do", ["chat", "stream"])
def test_a_history_that_cannot_be_afforded_is_refused_by_the_claim(
    sdk: Sdk, service: Service, upstream: FakeUpstream, rows: Rows, do: str
) -> None:
    """The question alone was affordable, so the run was accepted. No byte was sent: it still is a status."""
    name, thread = new_id(), {"X-Conversation-Id": new_id()}
    client = {"api_key": service.create_key(name, "--balance", ENOUGH_FOR_LONG)}
    sdk.ask("chat", client=client, headers=thread, **LONG)
    service.in_shell(LEAVE.format(name=name, amount=ENOUGH_FOR_HI))

    result = sdk.ask(do, client=client, headers=thread, **HI)

    assert (result["error"], result["http_requests"]) == (USED_UP, 1)
    assert len(upstream.requests) == 1
    assert _balance(rows, name) == (ENOUGH_FOR_HI, "0")


def test_a_stream_that_has_begun_reports_it_as_an_error(
    sdk: Sdk, service: Service, upstream: FakeUpstream, rows: Rows
) -> None:
    """It waited for its conversation so long that its 200 was sent, and the question before it took the money."""
    name, thread = new_id(), {"X-Conversation-Id": new_id()}
    key = service.create_key(name, "--balance", ENOUGH_FOR_LONG)
    upstream.script(says("Fir", "st", usage=tokens(LONG_TOKENS, 2)).stalled_after(1))
    with Sdk(sdk.kind, base_url=sdk.base_url, api_key=key) as other, ThreadPoolExecutor(2) as threads:
        first = threads.submit(other.ask, "chat", headers=thread, **LONG)
        upstream.wait_for_requests(1)
        second = threads.submit(sdk.ask, "stream", client={"api_key": key}, headers=thread, **HI)
        _wait_for_headers(rows, name)
        service.in_shell(LEAVE.format(name=name, amount="0"))
        upstream.release()
        assert first.result()["choices"][0]["content"] == "First"
        result = second.result()

    # Only Node's SDK knows the response that a stream came with.
    in_stream = {**USED_UP, "class": "APIError", "status": None, "request_id": "" if sdk.is_python else "req_"}
    assert (result["error"], result["http_requests"]) == (in_stream, 1)
    assert result["texts"] == {}
    assert len(upstream.requests) == 1
    assert _balance(rows, name)[1] == "0"


def _wait_for_headers(rows: Rows, name: str) -> None:
    """Until the second run has waited for so long that its stream was opened."""
    waited = """
    SELECT min(extract(epoch FROM now() - r.created_at)) AS seconds FROM conversations_run r
    JOIN conversations_account a ON a.id = r.account_id WHERE a.name = %s HAVING count(*) = 2
    """
    eventually(
        lambda: rows.all(waited, name),
        lambda found: bool(found) and found[0]["seconds"] > SILENCE_SECONDS + 1,
    )


def _balance(rows: Rows, name: str) -> tuple[str, str]:
    """What it has, and what is reserved of that."""
    (found,) = rows.all(
        "SELECT trim_scale(amount)::text AS amount, trim_scale(reserved)::text AS reserved FROM conversations_balance"
        " JOIN conversations_account a ON a.id = account_id WHERE a.name = %s",
        name,
    )
    return found["amount"], found["reserved"]
