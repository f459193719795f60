"""Conformance: each of our errors becomes the right class of error in each SDK, and none is retried in vain."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conformance.expected import INVALID, error
from tests.conformance.sdks import Sdk
from tests.fakes.replies import fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, new_id, user
from tests.journeys.rows import Rows
from tests.journeys.service import Service, free_port
from tests.waiting import eventually

pytestmark = pytest.mark.conformance

HI: dict[str, Any] = {"model": MODEL, "messages": [user("Hi")]}


def without_response(kind: str) -> dict[str, Any]:
    """The error of a request that got no response."""
    return error(kind, None, None, type=None, request_id="")


@pytest.mark.parametrize(
    ("do", "client", "body", "expected"),
    [
        ("chat", {}, {**HI, "temperature": 3}, error("BadRequestError", 400, None, "temperature")),
        (
            "chat",
            {},
            {**HI, "messages": [{"role": "user"}]},
            error("BadRequestError", 400, None, "messages[0].content"),
        ),
        ("stream", {}, {**HI, "n": 0}, error("BadRequestError", 400, None, "n")),
        ("chat", {"api_key": "sk-wrong"}, HI, error("AuthenticationError", 401, "invalid_api_key")),
        ("models", {"api_key": "sk-wrong"}, {}, error("AuthenticationError", 401, "invalid_api_key")),
        ("chat", {}, {**HI, "model": "no-such-model"}, error("NotFoundError", 404, "model_not_found", "model")),
        ("model", {}, {"model": "no-such-model"}, error("NotFoundError", 404, "model_not_found", "model")),
        ("image", {}, {"model": "dall-e-3", "prompt": "A cat"}, error("NotFoundError", 404, None)),
    ],
    ids=["a range", "a message", "a stream", "key", "key for models", "model", "one model", "route"],
)
def test_refuses_at_once(
    sdk: Sdk, upstream: FakeUpstream, *, do: str, client: Any, body: Any, expected: dict[str, Any]
) -> None:
    result = sdk.ask(do, client=client, **body)

    assert (result["error"], result["http_requests"]) == (expected, 1)
    assert upstream.requests == []


def test_refuses_a_disabled_account(sdk: Sdk, service: Service, upstream: FakeUpstream, rows: Rows) -> None:
    name = new_id()
    key = service.create_key(name)
    rows.change("UPDATE conversations_account SET is_active = false WHERE name = %s", name)

    result = sdk.ask("chat", client={"api_key": key}, **HI)

    assert result == {"error": error("PermissionDeniedError", 403, "account_deactivated"), "http_requests": 1}
    assert upstream.requests == []


def test_a_busy_conversation_is_refused_and_not_retried(sdk: Sdk, upstream: FakeUpstream) -> None:
    thread = {"X-Conversation-Id": new_id()}
    upstream.script(says("Fir", "st").stalled_after(1))
    with Sdk(sdk.kind, base_url=sdk.base_url, api_key=sdk.api_key) as other, ThreadPoolExecutor(1) as threads:
        first = threads.submit(other.ask, "chat", headers=thread, **HI)
        upstream.wait_for_requests(1)

        result = sdk.ask("chat", headers={**thread, "X-On-Busy": "reject"}, **HI)

        upstream.release()
        assert first.result()["choices"][0]["content"] == "First"
    assert result == {"error": error("ConflictError", 409, "conversation_busy"), "http_requests": 1}
    assert len(upstream.requests) == 1


def test_a_stream_that_breaks_is_an_error_after_its_text(sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.script(says("Hel", "lo").cut_after(3))

    result = sdk.ask("stream", **HI)

    assert result["texts"] == {"0": "Hello"}
    assert result["finish_reasons"] == {}
    assert result["error"] == error(
        "APIError", None, "server_error", type="server_error", request_id=error_request_id(sdk)
    )
    assert (result["http_requests"], len(upstream.requests)) == (1, 1)


def error_request_id(sdk: Sdk) -> str:
    """Only Node's SDK knows the response that a broken stream came with."""
    return "" if sdk.is_python else "req_"


def test_a_client_that_times_out_ends_the_vendors_call(sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.script(says("too late").silent())

    result = sdk.ask("chat", client={"timeout": 3.0, "max_retries": 0}, **HI)

    kind = "APITimeoutError" if sdk.is_python else "APIConnectionTimeoutError"
    assert result == {"error": without_response(kind), "http_requests": 1}
    assert eventually(upstream.requests[0].disconnected.is_set, bool)
    assert len(upstream.requests) == 1


def test_a_service_that_is_not_there_is_a_connection_error(sdk: Sdk) -> None:
    result = sdk.ask("chat", client={"base_url": f"http://127.0.0.1:{free_port()}/v1", "max_retries": 1}, **HI)

    assert result == {"error": without_response("APIConnectionError"), "http_requests": 2}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (fails(500), error("InternalServerError", 500, "server_error", type="server_error")),
        (
            fails(429, code="insufficient_quota", kind="insufficient_quota"),
            error("InternalServerError", 500, "server_error", type="server_error"),
        ),
        (fails(401), error("InternalServerError", 500, "server_error", type="server_error")),
        (fails(400, kind=INVALID), error("BadRequestError", 400, None)),
    ],
    ids=["500", "quota", "our key", "refused"],
)
def test_reports_the_vendors_errors(sdk: Sdk, upstream: FakeUpstream, reply: Any, expected: dict[str, Any]) -> None:
    upstream.on_text("Hi", reply)

    result = sdk.ask("chat", client={"max_retries": 0}, **HI)

    assert result == {"error": expected, "http_requests": 1}
