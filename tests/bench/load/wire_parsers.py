"""The wire formats of the load generator: builds requests, checks and parses answers."""

import uuid
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import orjson

from tests.bench.load.connection import Response
from tests.bench.load.job import Form, Job
from tests.bench.load.script import stamps

MODEL = "gpt-4o-mini"
AICHAT = (Form.JSON, Form.NDJSON, Form.SSE)
STREAMED = (Form.CHAT_STREAM, Form.ONCE_STREAM, Form.UPSTREAM)
CONVERSATION_ID = "x-conversation-id"
SSE_DONE = b"data: [DONE]\n\n"


def request(job: Job, question: str, *, conversation_id: str) -> bytes:
    asked = _aichat if job.form in AICHAT else _yuju if job.form is Form.YUJU else _chat
    path, headers, fields = asked(job.form, question, conversation_id)
    body = orjson.dumps(fields)
    headers |= {
        "Host": f"127.0.0.1:{job.port}",
        "Authorization": f"Bearer {job.key}",
        "User-Agent": "parley-bench",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    head = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(head).encode() + body


def _aichat(form: Form, question: str, conversation_id: str) -> tuple[str, dict[str, str], object]:
    known = {"id": conversation_id} if conversation_id else {}
    fields = {"model": MODEL, "question": question, "stateful": True, **known}
    return "/aichat/conversations", {"Accept": form.value}, fields


def _chat(form: Form, question: str, conversation_id: str) -> tuple[str, dict[str, str], object]:
    """As the SDK does: Accept is the same whether it streams or not."""
    headers = {"Accept": "application/json"}
    fields: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": question}]}
    if form in STREAMED:
        fields["stream"] = True
    if conversation_id:
        headers["X-Conversation-Id"] = conversation_id
    elif form.is_stored:
        fields["store"] = True
    return "/v1/chat/completions", headers, fields


def _yuju(form: Form, question: str, visitor: str) -> tuple[str, dict[str, str], object]:
    """What names the conversation is its visitor."""
    fields = {"chatMode": MODEL, "content": question, "visitorId": visitor or uuid.uuid4().hex}
    return "/v1/openapi/chat", {}, fields


def read(form: Form, response: Response) -> tuple[str, str]:
    """The conversation's id and the whole text. Raises ValueError or KeyError unless the answer is complete."""
    body = response.body
    if response.status != 200 or (form is not Form.UPSTREAM and not response.headers[b"x-run-id"].startswith(b"run_")):
        raise ValueError(f"status {response.status}: {body[:300]!r}")
    if form in (Form.JSON, Form.CHAT, Form.ONCE, Form.YUJU):
        return _read_whole(form, response)
    if form is Form.NDJSON:
        if not body.endswith(b"\r\n"):
            raise ValueError(f"the last line is cut: {body[-100:]!r}")
        answer = orjson.loads(body[body.rfind(b"\r\n", 0, -2) + 2 :])
        if "error" in answer:
            raise ValueError(f"an error in the last line: {answer}")
        return answer["id"], answer["answer"]
    if not body.endswith(SSE_DONE):
        raise ValueError(f"no [DONE]: {body[-100:]!r}")
    return _read_sse(body) if form is Form.SSE else (_conversation_id(response), _read_chunks(body))


def _read_whole(form: Form, response: Response) -> tuple[str, str]:
    answer = orjson.loads(response.body)
    if form is Form.JSON:
        return answer["id"], answer["answer"]
    if form is Form.YUJU:
        return answer["visitorId"], answer["desc"]
    return _conversation_id(response), answer["choices"][0]["message"]["content"]


def _conversation_id(response: Response) -> str:
    return response.headers.get(CONVERSATION_ID.encode(), b"").decode()


def _read_sse(body: bytes) -> tuple[str, str]:
    events = list(_payloads(body))
    if "error" in events[-1]:
        raise ValueError(f"an error in the stream: {events[-1]}")
    return events[0]["id"], "".join(event["delta_answer"] for event in events)


def _read_chunks(body: bytes) -> str:
    deltas = (event["choices"][0]["delta"] for event in _payloads(body) if event["choices"])
    return "".join(delta.get("content", "") for delta in deltas)


def _payloads(body: bytes) -> Iterator[Any]:
    for line in body.split(b"\n"):
        if line.startswith(b"data: {"):
            yield orjson.loads(line[6:])


def lags(job: Job, response: Response) -> list[float]:
    """Milliseconds from when the upstream sent each token to when its line was complete here."""
    ends = list(accumulate(len(data) for _, data in response.pieces))
    separator = b"\r\n" if job.form is Form.NDJSON else b"\n\n"
    found: list[float] = []
    at = 0
    for line in response.body.split(separator)[:-1]:
        at += len(line) + len(separator)
        arrived_at = response.pieces[bisect_left(ends, at)][0]
        found += [(arrived_at - sent) * 1000 for sent in _sent(line) if job.lag_from <= sent < job.lag_until]
    return found


def _sent(line: bytes) -> list[float]:
    """The stamps in the delta of one line. In the first line the opening stands before them; it ends with a colon."""
    json = line[line.find(b"{") :]
    delta = orjson.loads(json)["delta_answer"] if b"delta_answer" in json else ""
    return stamps(delta.rpartition(": ")[2])
