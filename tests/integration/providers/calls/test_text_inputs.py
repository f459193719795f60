"""Completions and embeddings over real HTTP to the fake vendor."""

import httpx
import pytest

from providers import errors, vectors
from providers.events import CallStarted, ChoiceFinished, EmbeddingMade, TextDelta, UsageReported
from providers.messages import CompletionRequest, EmbeddingRequest, Usage
from providers.protocols.registry import open_call
from tests.fakes.replies import Reply, answers, embeddings, fails, says, streams, text_chunk, text_completion
from tests.fakes.upstream import FakeUpstream
from tests.integration.providers.clients import ask, target


def test_asks_for_a_completion_as_a_stream(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    outcome = ask(http, target(upstream), request=CompletionRequest("m", ("Once",), {"max_tokens": 5}))

    (received,) = upstream.requests
    assert (received.path, received.headers["accept"]) == ("/v1/completions", "text/event-stream")
    assert received.body == {
        "model": "m",
        "prompt": "Once",
        "max_tokens": 5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert outcome.events == [
        CallStarted("req-fake", "fake-model", {"openai": {"id": "cmpl-fake"}}),
        TextDelta("… Once"),
        ChoiceFinished("stop"),
        UsageReported(Usage(4, 6)),
    ]


def test_reads_a_completion_that_is_not_streamed(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(answers(text_completion("a", "b")))

    outcome = ask(http, target(upstream), request=CompletionRequest("m", ("A", "B")))

    assert [event for event in outcome.events if isinstance(event, TextDelta)] == [TextDelta("a"), TextDelta("b", 1)]


def test_asks_a_vendor_that_ignores_n_of_a_prompt_again(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(*(streams(text_chunk(text, finish="stop"), "[DONE]") for text in ("a", "b")))

    with open_call(CompletionRequest("m", ("A",), {"n": 2}), target(upstream), transport=http) as call:
        events = list(call)

    assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta("a"), TextDelta("b", 1)]
    assert [request.body["n"] for request in upstream.requests] == [2, 1]


def test_asks_for_vectors_as_one_answer(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    outcome = ask(http, target(upstream), request=EmbeddingRequest("m", ("a", "bcd")))

    (received,) = upstream.requests
    assert (received.path, received.headers["accept"]) == ("/v1/embeddings", "application/json")
    assert received.body == {"model": "m", "input": ["a", "bcd"], "encoding_format": "base64"}
    assert outcome.events == [
        CallStarted("req-fake", "m"),
        EmbeddingMade(vectors.pack([0.0, 1.0, 0.5]), 0),
        EmbeddingMade(vectors.pack([1.0, 3.0, 0.5]), 1),
        UsageReported(Usage(4, 0)),
    ]


def test_reads_numbers_from_a_vendor_that_ignores_base64(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(answers(embeddings([0.5, 2.0])))

    outcome = ask(http, target(upstream), request=EmbeddingRequest("m", ("a",)))

    assert outcome.events[1] == EmbeddingMade(vectors.pack([0.5, 2.0]))


@pytest.mark.parametrize(
    ("reply", "kind", "calls"),
    [
        (fails(400, "bad"), errors.UpstreamRejected, 1),
        (fails(401), errors.UpstreamAuthFailed, 1),
        (fails(503), errors.UpstreamUnavailable, 3),
        (answers(embeddings([0.5], [0.5])), errors.UpstreamGarbled, 1),
        (says("Hello"), errors.UpstreamGarbled, 1),
        (answers(b"<html>"), errors.UpstreamGarbled, 1),
        (answers(embeddings([0.5])).split(9).cut_after(3), errors.UpstreamCut, 3),
    ],
)
def test_fails_for_vectors_as_for_text(
    reply: Reply, kind: type, calls: int, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(*[reply] * 3)

    outcome = ask(http, target(upstream), request=EmbeddingRequest("m", ("a",)))

    assert type(outcome.error) is kind
    assert outcome.http_calls == calls
    assert outcome.events == []
