"""What vendors' and gateways' servers really send, and what a caller must end up with.

`tests/cases/vendor-shapes.json` holds shapes from public reports; their neighbours stand below.
"""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from providers import errors
from providers.assembly import Assembler
from providers.messages import ReasoningPart, RefusalPart, ToolCallPart
from tests import cases
from tests.cases import VENDOR_SHAPES
from tests.fakes.replies import Json, Reply, answers, chunk, completion, event, says, streams, tokens
from tests.fakes.upstream import FakeUpstream
from tests.integration.providers.clients import Outcome, ask, target


def assembled(outcome: Outcome) -> Assembler:
    found = Assembler()
    for item in outcome.events:
        found.add(item)
    return found


def tools(outcome: Outcome) -> list[tuple[str, Any]]:
    """Name and arguments of each call; every one has an id of its own."""
    calls = [part for part in assembled(outcome).answer().parts if isinstance(part, ToolCallPart)]
    assert len({call.call_id for call in calls}) == len(calls)
    return [(call.name, json.loads(call.arguments)) for call in calls]


def _usage(outcome: Outcome) -> dict[str, int]:
    usage = assembled(outcome).usage
    assert usage is not None
    return {
        "prompt": usage.prompt_tokens,
        "completion": usage.completion_tokens,
        "total": usage.total_tokens,
        "cached": usage.prompt_details.get("cached_tokens", 0),
    }


FOUND: dict[str, Callable[[Outcome], Any]] = {
    "text": lambda outcome: outcome.text,
    "finish": lambda outcome: assembled(outcome).answer().finish_reason,
    "tools": lambda outcome: [list(tool) for tool in tools(outcome)],
    "usage": _usage,
    "error": lambda outcome: outcome.error is not None,
}


@pytest.mark.parametrize("shape", [pytest.param(shape, id=shape["name"]) for shape in VENDOR_SHAPES])
@pytest.mark.parametrize("size", [10**6, 1])
def test_reads_the_shapes_that_were_reported(
    shape: Json, size: int, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(*[cases.reply(shape).split(size)] * 3)

    outcome = ask(http, target(upstream))

    assert (outcome.error is not None) is shape["expect"].get("error", False)
    for name, expected in shape["expect"].items():
        found = FOUND[name](outcome)
        if isinstance(expected, dict):
            found = {key: found[key] for key in expected}
        assert (len(found) if isinstance(expected, int) and not isinstance(expected, bool) else found) == expected


HELLO = tuple(event(said) for said in (chunk({"content": "hel"}), chunk({"content": "lo"}), chunk({}, finish="stop")))


def hello(*after: bytes, before: bytes = b"") -> Reply:
    return Reply((before, *HELLO, *after) if before else (*HELLO, *after))


@pytest.mark.parametrize(
    "reply",
    [
        hello(b"data: [DONE] \n\n"),
        hello(b"data:  [DONE]\n\n"),
        hello(b"data: [done]\n\n"),
        hello(b'data: "[DONE]"\n\n'),
        hello(b"data: DONE\n\n"),
        # Garbage, or a cut, after the answer is complete.
        hello(b"data: {nonsense\n\n", b"data: [DONE]\n\n"),
        hello(b"data: <html>\n\n"),
        hello(b"\x00\xff\xfe garbage\n\n"),
        hello(b'data: {"usa'),
        Reply(HELLO).cut_after(99),
        hello(b"data: 7\n\n"),
        # Heartbeats in every notation, and events without data.
        hello(before=b": ping\n\n"),
        hello(before=b"event: ping\ndata: keep-alive\n\n"),
        hello(before=b'event: ping\ndata: {"type": "ping"}\n\n'),
        hello(before=b"event: ping\ndata: 2026-01-01\n\n"),
        hello(before=b"event: keepalive\ndata: x\n\n"),
        hello(before=b"data: keep-alive\n\n"),
        hello(before=b"data: : ping - 2026-01-01 00:00:00\n\n"),
        hello(before=b"data: [PING]\n\n"),
        hello(before=b'data: {"type": "ping"}\n\n'),
        hello(before=b"data: heartbeat\n\n"),
        hello(before=b"data:\n\ndata: \n\ndata\n\n"),
        hello(before=b"data: null\n\ndata: []\n\n"),
        hello(before=b"event: error\n\n"),
        hello(before=b"\n\n\n\n\n" * 50),
        # Not quite an event stream: no empty lines, no field names, an array.
        Reply((b"".join(HELLO).replace(b"\n\n", b"\n"),)),
        Reply((b"".join(HELLO).replace(b"data: ", b"").replace(b"\n\n", b"\n") + b"[DONE]\n",)),
        Reply((b"".join(HELLO).replace(b"data: ", b"").replace(b"\n\n", b"\r\n"),)),
        Reply((b"[" + b",".join(step.strip()[6:] for step in HELLO) + b"]",)),
        Reply((b"data: [" + b",".join(step.strip()[6:] for step in HELLO) + b"]\n\n",)),
        # A complete answer whose body does not end where it should.
        answers(completion("hello")).stalled_after(1),
        Reply((json.dumps(completion("hello")).encode(),)).cut_after(1),
        answers(completion("hello"), content_type="text/event-stream"),
        Reply((b"\n" * 9000, json.dumps(completion("hello")).encode())),
        # The whole message is repeated in the last chunk.
        Reply((*HELLO[:2], event({"choices": [{**completion("hello")["choices"][0], "delta": {}}]}))),
        streams({"choices": chunk({"content": "hello"}, finish="stop")["choices"][0]}),
        streams(chunk({"content": "hello"}, finish="null"), chunk({}, finish="None"), chunk({}, finish="stop")),
        streams(chunk({"content": "hello"}, choice=40_000), chunk({}, finish="stop", choice=40_000)),
        streams(chunk({"content": "hello"}, choice=-7), chunk({}, finish="stop", choice=-7)),
    ],
)  # fmt: skip
def test_reads_a_whole_answer_in_spite_of_what_is_around_it(
    reply: Reply, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(reply)

    outcome = ask(http, target(upstream, read_timeout=5.0))

    assert (outcome.error, outcome.text, outcome.http_calls) == (None, "hello", 1)
    assert assembled(outcome).answer().finish_reason == "stop"


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        (rb'{"content":"a \u0000 b"}', "a \ufffd b"),
        (b'{"content":"a \x00 b"}', "a \ufffd b"),
        (rb'{"content":"a \\u0000 b"}', r"a \u0000 b"),
        (b'{"content":"a \x01\t b"}', "a \x01\t b"),
        (b'{"content":"a \xf0\x9f b"}', "a \ufffd b"),
        (b'{"content":"a \xc3"}', "a \ufffd"),
        (rb'{"content":"a \ud83d\ude00 b"}', "a \U0001f600 b"),
        (rb'{"content":"a \ude00 b"}', "a \ufffd b"),
        (rb'{"content":"a \ud83d"}', "a \ufffd"),
        (rb'{"content":"a","x":[NaN,Infinity,-Infinity,1e999]}', "a"),
        (rb'{"content":[{"text":"a"},{"text":" b"}]}', "a b"),
    ],
)
def test_reads_what_strict_json_forbids(
    delta: bytes, text: str, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    payload = b'data: {"choices":[{"index":0,"delta":%b,"finish_reason":"stop"}]}\n\n'
    upstream.script(Reply((payload % delta,)).split(1))

    outcome = ask(http, target(upstream))

    assert (outcome.error, outcome.text) == (None, text)


@pytest.mark.parametrize("name", ["content", "reasoning_content", "reasoning", "refusal"])
def test_joins_surrogate_pairs_in_each_text_of_each_choice(
    name: str, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    halves = [
        ({name: "a\ud83d"}, 0),
        ({name: "b\ud83d"}, 1),
        ({name: ""}, 0),
        ({name: "\ude00c"}, 1),
        ({name: "\ude01"}, 0),
    ]
    payloads = [json.dumps(chunk(delta, choice=choice)) for delta, choice in halves]
    upstream.script(streams(*payloads, chunk({}, finish="stop"), chunk({}, finish="stop", choice=1)))

    outcome = ask(http, target(upstream))

    texts = ["".join(getattr(part, "text", "") for part in answer.parts) for answer in assembled(outcome).answers()]
    assert (outcome.error, texts) == (None, ["a\U0001f601", "b\U0001f600c"])


def test_replaces_halves_of_surrogate_pairs_that_are_left_at_the_end(
    upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    said = {"content": "a\ud83d", "reasoning": "b\ud83d", "refusal": "c\ud83d", "audio": {"transcript": "d\ud83d"}}
    upstream.script(streams(json.dumps(chunk(said)), "[DONE]"))

    outcome = ask(http, target(upstream))

    parts = assembled(outcome).answer().parts
    assert outcome.text == "a\ufffd"
    assert ReasoningPart("b\ufffd", {"openai": {"field": "reasoning"}}) in parts
    assert RefusalPart("c\ufffd") in parts
    assert [getattr(part, "transcript", None) for part in parts if getattr(part, "transcript", None)] == ["d\ufffd"]


def error_event(data: str) -> Reply:
    return Reply((b"event: error\n", event(data)))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (streams({"text": "**NETWORK ERROR**", "error_code": 50002}), errors.UpstreamUnavailable),
        (streams({"text": "", "error_code": 42901}), errors.UpstreamRateLimited),
        (answers({"object": "error", "message": "no such thing", "code": 400}), errors.UpstreamRejected),
        (answers({"object": "error", "message": "maximum context length is 5", "code": 40303}), errors.ContextTooLong),
        (answers({"code": 429, "message": "slow down"}), errors.UpstreamRateLimited),
        (answers({"code": "429", "msg": "slow down", "data": None}), errors.UpstreamRateLimited),
        (answers({"error": "it broke"}), errors.UpstreamUnavailable),
        (answers({"error": "slow down", "code": 429}), errors.UpstreamRateLimited),
        (answers({"error": True, "message": "it broke"}), errors.UpstreamUnavailable),
        (answers({"success": False, "message": "it broke"}), errors.UpstreamUnavailable),
        (answers({"detail": "it broke"}), errors.UpstreamUnavailable),
        (answers({"detail": [{"msg": "field required"}]}), errors.UpstreamUnavailable),
        (answers({"type": "error", "error": {"type": "rate_limit_error", "message": "x"}}), errors.UpstreamRateLimited),
        (answers({"base_resp": {"status_code": 1008, "status_msg": "x"}, "choices": None}), errors.UpstreamUnavailable),
        (answers({"choices": [], "error_msg": "x", "error_code": 429}), errors.UpstreamRateLimited),
        (answers({"choices": [{"finish_reason": "error", "error": {"code": 429, "message": "x"}}]}),
         errors.UpstreamRateLimited),
        (error_event('{"message": "slow down", "code": 429}'), errors.UpstreamRateLimited),
        (error_event('{"type": "rate_limit_error"}'), errors.UpstreamRateLimited),
        (error_event("it broke"), errors.UpstreamUnavailable),
        (error_event('"it broke"'), errors.UpstreamUnavailable),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_late", [False, True])
def test_a_failure_is_not_read_as_an_answer(
    reply: Reply, kind: type, is_late: bool, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    """Also in the middle of a stream."""
    steps = [event(step.decode()) if step[:1] == b"{" else step for step in reply.steps if isinstance(step, bytes)]
    late = Reply((*streams(chunk({"content": "Hel"})).steps, *steps, *streams("[DONE]").steps))
    upstream.script(*[late if is_late else reply] * 3)

    outcome = ask(http, target(upstream))

    assert type(outcome.error) is kind
    assert outcome.text == ("Hel" if is_late else "")


@pytest.mark.parametrize(
    "payload",
    [
        {"error": None, "error_code": 0, "code": 200, "message": "success"},
        {"error": {}, "success": True},
        {"error": {"message": "", "type": "", "code": None}},
        {"code": 0, "msg": "ok"},
    ],
)
def test_an_answer_is_not_read_as_a_failure(payload: Json, upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(streams(*({**part, **payload} for part in (chunk({"content": "hi"}), chunk({}, finish="stop")))))

    outcome = ask(http, target(upstream))

    assert (outcome.error, outcome.text) == (None, "hi")


@pytest.mark.parametrize(
    ("reply", "finish"),
    [
        (says(finish="content_filter"), "content_filter"),
        (says(finish="sensitive"), "sensitive"),
        # Hidden reasoning used up all tokens.
        (says(finish="length", usage=tokens(5, 100)), "length"),
        (says(reasoning=["hm"]), "stop"),
        (
            says(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": ""}}], finish="tool_calls"),
            "tool_calls",
        ),
        (streams(chunk({"refusal": "no"}), chunk({}, finish="stop")), "stop"),
        (streams(chunk({"images": [{"url": "data:,"}], "content": ""}), chunk({}, finish="stop")), "stop"),
        (streams(chunk({"audio": {"data": "QUJD"}}), chunk({}, finish="stop")), "stop"),
    ],
)
def test_an_answer_without_text_but_with_other_output_is_an_answer(
    reply: Reply, finish: str, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(reply)

    outcome = ask(http, target(upstream))

    assert (outcome.error, outcome.text, outcome.http_calls) == (None, "", 1)
    assert assembled(outcome).answer().finish_reason == finish


@pytest.mark.parametrize(
    "garbage", [b"upstream connect error\n", b"Too many requests\n\nTry later\n\n", b"\x01\x02\x03\x04"]
)
def test_garbage_is_not_read_as_a_cut_answer(garbage: bytes, upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(Reply((garbage,)))

    outcome = ask(http, target(upstream))

    assert type(outcome.error) is errors.UpstreamGarbled
    assert outcome.http_calls == 1
