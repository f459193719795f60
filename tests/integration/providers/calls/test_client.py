"""Calls over real HTTP to the fake vendor."""

import gc
import traceback
from typing import Any

import httpx
import pytest

from providers import errors
from providers.catalog import Target
from providers.echo.call import EchoCall
from providers.events import CallStarted, ChoiceFinished, TextDelta, UsageReported
from providers.messages import ChatRequest, Message, Role, TextPart, Usage
from providers.protocols.registry import open_call
from tests.fakes.replies import (
    Reply,
    answers,
    completion,
    fails,
    says,
    tokens,
)
from tests.fakes.upstream import FakeUpstream
from tests.integration.providers.clients import SECRET, ask, question, target


def test_sends_the_documented_request(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    outcome = ask(http, target(upstream), request=question("你好"))

    assert outcome.error is None
    assert outcome.text == "1 messages; the last user message: 你好"
    (received,) = upstream.requests
    assert (received.method, received.path) == ("POST", "/v1/chat/completions")
    assert received.headers["authorization"] == f"Bearer {SECRET}"
    assert received.headers["content-type"] == "application/json"
    assert received.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "你好"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_sends_no_authorization_without_a_key(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    ask(http, target(upstream, api_key=""))

    assert "authorization" not in upstream.requests[0].headers


def test_yields_the_events_of_a_whole_answer(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(says("Hel", "lo", usage=tokens(3, 2)))

    outcome = ask(http, target(upstream))

    assert outcome.events == [
        CallStarted("req-fake", "fake-model", {"openai": {"id": "chatcmpl-fake"}}),
        TextDelta("Hel"),
        TextDelta("lo"),
        ChoiceFinished("stop"),
        UsageReported(Usage(3, 2)),
    ]
    assert (outcome.http_calls, outcome.request_id) == (1, "req-fake")


HELLO = says("你好", "\u2028🙂", usage=tokens(1, 2))


@pytest.mark.parametrize(
    "reply",
    [
        HELLO.split(1),
        HELLO.split(7),
        HELLO.with_crlf(),
        HELLO.with_crlf().split(1),
        HELLO.with_lone_cr(),
        HELLO.with_comments().split(3),
        says("你好", "\u2028🙂", usage=tokens(1, 2), done=False),
        says("你好", "\u2028🙂", usage=tokens(1, 2), finish=None),
        answers(completion("你好\u2028🙂", usage=tokens(1, 2))),
        Reply(answers(completion("你好\u2028🙂", usage=tokens(1, 2))).steps).split(1),
        Reply((b"\xef\xbb\xbf", *HELLO.steps)),
        says("你好", "\u2028🙂", usage=tokens(1, 2), done=False).cut_after(99),
    ],
)
def test_reads_the_same_answer_from_every_notation(
    reply: Reply, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(reply)

    outcome = ask(http, target(upstream))

    assert (outcome.error, outcome.text, outcome.http_calls) == (None, "你好\u2028🙂", 1)
    assert outcome.events[-1] == UsageReported(Usage(1, 2))


def test_accepts_a_finished_answer_that_breaks_off_before_its_usage(
    upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(says("Hello", usage=tokens(1, 2)).cut_after(3))

    outcome = ask(http, target(upstream))

    assert (outcome.error, outcome.events[-1]) == (None, ChoiceFinished("stop"))


@pytest.mark.parametrize("reply", [says("x").silent(), says("x").stalled_after(1), says("x", "y").stalled_after(2)])
def test_does_not_wait_for_ever_in_silence(reply: Reply, upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(reply, says("never asked"))

    outcome = ask(http, target(upstream, read_timeout=0.1))

    assert type(outcome.error) is errors.UpstreamTimeout
    # A busy vendor may read the request only afterwards.
    upstream.wait_for_requests(1)
    assert upstream.requests[0].disconnected.wait(30)
    assert len(upstream.requests) == 1


def test_reports_a_vendor_where_nobody_listens_as_unreachable(
    upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.stop()

    outcome = ask(http, target(upstream))

    assert type(outcome.error) is errors.UpstreamUnreachable
    assert (outcome.http_calls, outcome.waits, upstream.requests) == (3, [0.4, 0.8], [])


def test_works_again_when_the_vendor_is_back(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    ask(http, target(upstream))
    upstream.stop()
    upstream.start()

    assert ask(http, target(upstream)).error is None


@pytest.mark.parametrize("base_url", ["http://nobody.invalid/v1", "ftp://x/v1", "nonsense", "http://[::1/v1", ""])
def test_reports_an_invalid_address_as_unreachable(base_url: str, http: httpx.BaseTransport) -> None:
    outcome = ask(http, target(base_url))

    assert type(outcome.error) is errors.UpstreamUnreachable


def test_uses_one_connection_for_one_call_after_another(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    for _ in range(3):
        ask(http, target(upstream))

    assert upstream.connections_made == 1


def test_does_not_hang_on_a_vendor_that_keeps_the_line_open_after_done(
    upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(says("Hi").stalled_after(99))

    outcome = ask(http, target(upstream))

    assert (outcome.error, outcome.text) == (None, "Hi")
    assert upstream.requests[0].disconnected.wait(30)


@pytest.mark.parametrize("key", ["sk-\nbad", "sk-ключ"])
def test_refuses_a_key_no_header_can_carry_without_showing_it(
    key: str, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    outcome = ask(http, target(upstream, api_key=key))

    assert type(outcome.error) is errors.UpstreamAuthFailed
    assert key not in "".join(traceback.format_exception(outcome.error))
    assert upstream.requests == []


@pytest.mark.parametrize("options", [{"seed": 2**70}, {"user": "\ud800"}])
def test_refuses_what_json_cannot_say(
    options: dict[str, Any], upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    request = ChatRequest("m", (Message(Role.USER, (TextPart("Hi"),)),), options)

    outcome = ask(http, target(upstream), request=request)

    assert type(outcome.error) is errors.UpstreamRejected
    assert (outcome.http_calls, upstream.requests) == (0, [])


def test_never_lets_the_key_into_an_error(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(fails(400, f"bad header: Bearer {SECRET}"))

    outcome = ask(http, target(upstream))

    assert outcome.error is not None
    assert SECRET not in "".join(traceback.format_exception(outcome.error))


def test_reads_no_more_of_an_error_than_it_needs(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(answers(b"x" * 5_000_000, status=400))

    outcome = ask(http, target(upstream))

    assert type(outcome.error) is errors.UpstreamRejected
    assert outcome.error.message == "OpenAI rejected the request (HTTP 400)."


def test_gives_the_connection_back_when_the_reader_leaves_early(
    upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(says("Hel", "lo").stalled_after(2))

    with open_call(question(), target(upstream), transport=http) as call:
        assert isinstance(next(iter(call)), CallStarted)

    assert upstream.requests[0].disconnected.wait(30)
    gc.collect()  # a leaked socket would be a ResourceWarning, and that an error


def test_sends_nothing_before_the_first_event_is_asked_for(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    with open_call(question(), target(upstream), transport=http):
        pass

    assert upstream.requests == []


def test_answers_the_model_echo_without_network(http: httpx.BaseTransport) -> None:
    with open_call(question(), Target("echo", "echo", "echo", "", "echo"), transport=http) as call:
        text = "".join(event.text for event in call if isinstance(event, TextDelta))

    assert isinstance(call, EchoCall)
    assert (text, call.http_calls) == ("[echo] Received 1 message. The last question: Hi", 0)
