"""When a call is made again and when not, against an HTTP server on loopback."""

from dataclasses import replace

import httpx
import pytest

from providers import errors
from providers.calls.http_call import HttpCall
from providers.events import CallStarted, ChoiceFinished, TextDelta
from providers.protocols.openai.protocol import OPENAI
from tests.fakes.replies import (
    Reply,
    answers,
    chunk,
    completion,
    fails,
    says,
    streams,
    tokens,
)
from tests.fakes.upstream import FakeUpstream
from tests.integration.providers.clients import Clock, ask, question, target


@pytest.mark.parametrize(
    "failure",
    [
        fails(429),
        fails(500),
        fails(503),
        says("lost").refusing_to_answer(),
        says("lost").cut_after(0),
        says("lost").cut_after(1),
        says(finish=None, done=False),
        Reply(),
        Reply((b'data: {"choices":[{"del',)),
        streams({"error": {"message": "overloaded", "code": 503}}),
        streams(chunk({"role": "assistant"}), {"error": {"message": "overloaded", "type": "server_error"}}),
        answers({"error": {"message": "overloaded", "code": 502}}),
        # No output, although the answer is finished.
        says(usage=tokens(5, 0)),
        says(done=False),
        says(finish=None),
        says(finish="tool_calls"),
        says(finish="insufficient_system_resource"),
        streams("[DONE]"),
        answers(completion("")),
        answers({**completion(""), "choices": []}),
    ],
)
def test_asks_again_while_nothing_was_published(
    failure: Reply, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(failure, failure, says("ok"))

    outcome = ask(http, target(upstream))

    assert (outcome.error, outcome.text, outcome.http_calls) == (None, "ok", 3)
    assert [type(event) for event in outcome.events] == [CallStarted, TextDelta, ChoiceFinished]
    assert len(upstream.requests) == 3


@pytest.mark.parametrize(
    "header", ["Thu, 01 Jan 99999999999999 00:00:00 GMT", "nan", "-1", "1e400", "Thu, 01 Jan 2026 00:00:00 +9999999999"]
)
def test_ignores_a_retry_after_that_is_no_time(header: str, upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(fails(429, headers={"Retry-After": header, "retry-after-ms": header}), says("ok"))

    outcome = ask(http, target(upstream))

    assert (outcome.error, outcome.text, outcome.waits) == (None, "ok", [1.0])


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (fails(429), errors.UpstreamRateLimited),
        (fails(502), errors.UpstreamUnavailable),
        (says("lost").cut_after(0), errors.UpstreamCut),
        (says(usage=tokens(5, 0)), errors.UpstreamEmpty),
        (says("lost").refusing_to_answer(), errors.UpstreamUnreachable),
    ],
)
def test_gives_up_after_two_retries(
    failure: Reply, kind: type, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(failure, failure, failure, says("too late"))

    outcome = ask(http, target(upstream))

    assert type(outcome.error) is kind
    assert (outcome.events, outcome.http_calls, len(upstream.requests)) == ([], 3, 3)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (fails(400, "no such option"), errors.UpstreamRejected),
        (fails(404, "no such model"), errors.ModelNotFound),
        (fails(400, code="context_length_exceeded"), errors.ContextTooLong),
        (fails(401), errors.UpstreamAuthFailed),
        (fails(403), errors.UpstreamAuthFailed),
        (fails(408), errors.UpstreamTimeout),
        (fails(429, code="insufficient_quota"), errors.UpstreamAuthFailed),
        (fails(429, headers={"Retry-After": "60"}), errors.UpstreamRateLimited),
        (fails(307, headers={"Location": "http://127.0.0.1:9/"}), errors.UpstreamGarbled),
        (streams("{nonsense"), errors.UpstreamGarbled),
        (answers(b"<!doctype html><p>Welcome", content_type="text/html"), errors.UpstreamGarbled),
        (answers({"status": "success", "data": {}}), errors.UpstreamGarbled),
        (answers([1]), errors.UpstreamGarbled),
        (streams({"error": {"message": "x", "type": "invalid_request_error"}}), errors.UpstreamRejected),
    ],
)
def test_does_not_ask_again_when_that_cannot_help(
    failure: Reply, kind: type, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(failure, says("never asked"))

    outcome = ask(http, target(upstream))

    assert type(outcome.error) is kind
    assert (outcome.events, outcome.waits, len(upstream.requests)) == ([], [], 1)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"Retry-After": "Thu, 01 Jan 2026 12:00:04 GMT"}, 4.0),
        ({}, 1.0),
    ],
)
def test_waits_as_the_vendor_asks(
    headers: dict[str, str], wait: float, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(fails(429, headers=headers), says("ok"))

    outcome = ask(http, target(upstream))

    assert (outcome.text, outcome.waits) == ("ok", [wait])


def test_keeps_all_waiting_within_the_window(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(fails(503, headers={"Retry-After": "15"}), fails(503, headers={"Retry-After": "6"}), says("late"))

    outcome = ask(http, target(upstream))

    assert type(outcome.error) is errors.UpstreamUnavailable
    assert (outcome.waits, len(upstream.requests)) == ([15.0], 2)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (says("Hel", "lo").cut_after(2), errors.UpstreamCut),
        (says("Hel", finish=None, done=False), errors.UpstreamCut),
        (streams(chunk({"content": "Hel"}), "{nonsense"), errors.UpstreamGarbled),
        (streams(chunk({"content": "Hel"}), {"error": {"message": "x", "code": 500}}), errors.UpstreamUnavailable),
        (Reply((*streams(chunk({"content": "Hel"})).steps, b'data: {"cho')), errors.UpstreamCut),
    ],
)
def test_never_asks_again_after_the_first_text(
    reply: Reply, kind: type, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(reply, says("never asked"))

    outcome = ask(http, target(upstream))

    assert type(outcome.error) is kind
    assert (outcome.text, outcome.waits, len(upstream.requests)) == ("Hel", [], 1)


def test_a_vendor_that_failed_has_no_prompt_while_the_next_try_is_waited_for(
    upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(fails(503))
    runtime = replace(Clock().runtime, wait=lambda *_: call.abort())

    with (
        HttpCall(question(), target(upstream), protocol=OPENAI, transport=http, runtime=runtime) as call,
        pytest.raises(errors.CallAborted),
    ):
        list(call)

    assert (call.http_calls, call.has_sent_prompt) == (1, False)
