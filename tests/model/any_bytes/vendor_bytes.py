"""What a vendor may send: real answers, mutated at any place, under any headers."""

import base64
import json

from hypothesis import strategies as st

from tests import cases
from tests.fakes.replies import Json, Reply, answers, chunk, completion, embeddings, says, streams, tokens
from tests.model.any_bytes.mutation import mutated

TOOL_CALLS: list[Json] = [
    {"index": 0, "id": "call_a", "type": "function", "function": {"name": "f", "arguments": ""}},
    {"index": 0, "function": {"arguments": '{"x":'}},
    {"index": 0, "id": "call_b", "function": {"name": "g", "arguments": "1}"}},
]
OF_CALL = {"system_fingerprint": "fp\x00", "service_tier": "default", "odd": {"deep": [[[["\x00"]]]]}}
LOGPROBS = {"content": [{"token": "hi", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}
HALVES = (
    '{"choices": [{"index": 0, "delta": {"content": "hi \\ud83d"}}]}',
    '{"choices": [{"index": 0, "delta": {"content": "\\ude00"}, "finish_reason": "stop"}]}',
)
SEEDS: tuple[Reply, ...] = (
    says("Hel", "lo, 你", "好 🙂", usage=tokens(3, 5)),
    says("42", reasoning=["Hm", "m"], usage=tokens(3, 5)),
    says(tool_calls=TOOL_CALLS, finish="tool_calls"),
    says("a", done=False),
    says("a", finish=None),
    says("a", of_call=OF_CALL),
    says("choice 7", choice=7),
    streams(*HALVES, "[DONE]"),
    streams({**chunk({"content": "hi"}), "choices": [{"index": 0, "delta": {"content": "hi"}, "logprobs": LOGPROBS}]}),
    streams({"error": {"message": "No \x00", "code": "\x00"}}),
    streams("[DONE]"),
    streams({"text": "ERROR", "error_code": 50002}),
    answers(completion("Hello", usage=tokens(1, 2))),
    answers(embeddings([0.5, 1.5])),
    answers([]),
    answers({"error": {"message": "too long", "code": "context_length_exceeded"}}, status=400),
    answers({"error": {"message": "model not found", "code": "model_not_found"}}, status=404),
    answers({"error": "limit"}, status=429),
    answers(b"<html>Bad gateway</html>", status=502, content_type="text/html"),
    answers(b"", status=204),
    *map(cases.reply, cases.VENDOR_SHAPES),
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"x-request-id": "r" * 250},
    {"x-request-id": "\xff\xfe"},
    {"retry-after": "99999999999999"},
    {"retry-after": "Fri, 31 Dec 99999999999999 23:59:59 GMT"},
    {"retry-after-ms": "1e400"},
    {"content-encoding": "zstd"},
    {"content-encoding": "gzip"},
    {"content-type": "text/html"},
    {"x-filler": "x" * 70_000},
)


def replies() -> st.SearchStrategy[Reply]:
    """Replies with a mutated body, and sometimes with a mutated head as well."""
    return st.one_of(_with_mutated_body(), _with_mutated_body(), _with_mutated_body(), _mutated_throughout())


@st.composite
def _with_mutated_body(draw: st.DrawFn) -> Reply:
    seed = draw(st.sampled_from(SEEDS))
    body = draw(mutated(_body(seed)))
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=3)))
    ends = [*cuts, len(body)]
    writes = tuple(body[start:end] for start, end in zip([0, *cuts], ends, strict=True) if end > start)
    status = draw(st.sampled_from((seed.status, seed.status, 200)))
    headers = draw(st.sampled_from(HEADERS)) if draw(st.booleans()) else {}
    reply = Reply(writes, status=status, content_type=seed.content_type, headers=headers)
    return reply if draw(st.integers(0, 4)) else reply.cut_after(len(writes))


@st.composite
def _mutated_throughout(draw: st.DrawFn) -> Reply:
    body = _body(draw(st.sampled_from(SEEDS)))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(body)
    return Reply((draw(mutated(head + body)),), raw=True)


def _body(reply: Reply) -> bytes:
    return b"".join(step for step in reply.steps if isinstance(step, bytes))


def shown(reply: Reply) -> str:
    """A reply's head and bytes, for the report of a failure; to be pasted into a case."""
    facts = {"status": reply.status, "headers": dict(reply.headers), "raw": reply.raw}
    return json.dumps({**facts, "body_base64": base64.b64encode(_body(reply)).decode()})
