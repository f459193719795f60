"""Journey: whatever bytes a client sends, it gets an answer that is no server error, and nobody else notices."""

import select
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.journeys.service import Service
from tests.model.any_bytes.mutation import KNOWN, NEW, assert_well, mutated

AT_ONCE = 8
PATIENCE_SECONDS = 60.0
# A request whose head is mutated may never end; after this silence the client closes its side.
HALF_CLOSE_SECONDS = 1.0
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"x": {}}}}}]
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Hi"}], "name": "ann"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "42"},
    {"role": "user", "content": "And now?"},
]
CHAT = {
    "model": "echo",
    "messages": MESSAGES,
    "tools": TOOLS,
    "metadata": {"key": "value", "conversation_id": "thread-1"},
    "logit_bias": {"50256": -100},
    "stop": ["\n"],
    "temperature": 0.5,
    "max_tokens": 10,
    "seed": 7,
    "user": "ann",
}
QUESTION = {
    "model": "echo",
    "question": "Hello 你好",
    "stateful": True,
    "id": "thread-2",
    "preset": "Be brief.",
    "references": ["a text", {"url": "data:text/plain;base64,aGk=", "name": "notes"}],
}
ENDPOINT = {"url": "https://example.com/hook", "events": ["run.completed"], "description": "Mine"}
FILTER = {"filter_key": "name", "filter_condition": "begin_with", "filter_value": "王"}
SEEDS = (
    ("POST", "/aichat/conversations", QUESTION),
    ("POST", "/aichat/tasks", {"action": "retrieve_batch", "ids": ["a"], "trace_ids": ["b"], "limit": 5}),
    ("POST", "/v1/chat/completions", CHAT),
    ("POST", "/v1/completions", {"model": "echo", "prompt": ["Once", "Twice"], "n": 2}),
    ("POST", "/v1/embeddings", {"model": "echo", "input": ["a", [1, 2]], "dimensions": 4}),
    ("POST", "/api/v1/webhook_endpoints", ENDPOINT),
    ("GET", "/api/v1/runs?conversation=thread-1&limit=5&starting_after=run_x", None),
    ("GET", "/api/v1/events?type=run.completed&limit=5", None),
    ("GET", "/api/v1/deliveries/dlv_x", None),
    ("GET", "/v1/models/echo", None),
    ("POST", "/v1/openapi/chat", {"content": "Hi", "visitorId": 5, "fielditem": {"name": "王"}, "max_tokens": "9"}),
    ("POST", "/v1/openapi/contacts/add", {"contact": {"name": "王"}, "channel": "api", "custom": {"等级": "金"}}),
    ("POST", "/v1/openapi/contacts", {"filter": [FILTER, FILTER], "page": 1}),
    ("POST", "/v1/openapi/send-to-user", {"user_id": "u1", "bot_id": "", "content": "Hello"}),
    ("POST", "/v1/openapi/kbs-add-content/kb_x", {"c_type": 3, "file_url": "https://example.com/a", "title": "a"}),
    ("PUT", "/v1/openapi/kbs-update-content", {"repo_id": "kb_x", "file_id": "doc_x", "file_url": "https://a.example"}),
    ("POST", "/v1/openapi/exposed/tool_x/execute", {"instructions": "Go", "preview_only": "true"}),
    ("GET", "/v1/openapi/cost/details?start_at=1700000000&end_at=2030-01-01&cost_type=token", None),
    ("GET", "/v1/openapi/chat/record?contact_id=u1&start_date=2026-01-01&end_date=2026-01-02%2010:00:00", None),
)
HEADERS = b"Host: my_host:8000\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(
        data_dir=tmp_path_factory.mktemp("client") / "var",
        env={"REQUESTS_PER_MINUTE": "0", "OTHER_REQUESTS_PER_MINUTE": "0"},
    ) as running:
        yield running


@st.composite
def calls(draw: st.DrawFn) -> tuple[bytes, bool]:
    """A request, and whether it is complete: only its body is mutated, and Content-Length is right."""
    method, target, fields = draw(st.sampled_from(SEEDS))
    body = b"" if fields is None else orjson.dumps(fields)
    if body and draw(st.integers(0, 3)):
        body = draw(mutated(body))
        return _request(method, target.encode(), body), True
    return draw(mutated(_request(method, target.encode(), body))), False


def _request(method: str, target: bytes, body: bytes) -> bytes:
    return b"%s %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (method.encode(), target, HEADERS, len(body), body)


@pytest.mark.timeout(600)
def test_no_bytes_of_a_client_break_the_service(service: Service) -> None:
    _try_many(service, settings(KNOWN, max_examples=40))


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_no_other_bytes_of_a_client_break_the_service(service: Service) -> None:
    _try_many(service, settings(NEW, max_examples=300))


def _try_many(service: Service, profile: settings) -> None:
    @settings(profile)
    @given(st.lists(calls(), min_size=AT_ONCE, max_size=AT_ONCE))
    def attempt(sent: list[tuple[bytes, bool]]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for problem in threads.map(lambda call: _problem(service, *call), sent):
                assert not problem, problem

    attempt()
    assert_well(service)


def _problem(service: Service, call: bytes, is_complete: bool) -> str:
    sent = call.replace(b"Bearer %s", b"Bearer " + service.api_key.encode())
    try:
        answer = _answer(service.port, sent, patience=PATIENCE_SECONDS if is_complete else HALF_CLOSE_SECONDS)
    except OSError as exc:
        return f"{type(exc).__name__}: {call!r}"
    # Only a request that has no end may go without an answer.
    status = int(answer[9:12] or 400) if answer or not is_complete else 0
    return "" if 200 <= status < 500 else f"{status}: {call!r} → {answer[-300:]!r}"


def _answer(port: int, sent: bytes, *, patience: float) -> bytes:
    """Everything received until the service closes. After `patience` seconds of silence the client closes its side."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(sent)
        if not select.select([connection], [], [], patience)[0]:
            connection.shutdown(socket.SHUT_WR)
        while chunk := connection.recv(65536):
            answer += chunk
    return answer
