import json
from typing import Any

import pytest

from providers import errors as ours
from providers.protocols.openai_chat import errors


def error_for(status: int, body: Any = None, secret: str = "sk-secret") -> ours.ProviderError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return errors.from_response(
        status=status, body=raw, label="OpenAI", secret=secret, retry_after=2.0, request_id="req"
    )


def openai_error(message: str, code: Any = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": "messages", "code": code}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, ours.UpstreamGarbled),
        (400, ours.UpstreamRejected),
        (401, ours.UpstreamAuthFailed),
        (402, ours.UpstreamAuthFailed),
        (403, ours.UpstreamAuthFailed),
        (404, ours.UpstreamRejected),
        (408, ours.UpstreamTimeout),
        (413, ours.UpstreamRejected),
        (422, ours.UpstreamRejected),
        (429, ours.UpstreamRateLimited),
        (500, ours.UpstreamUnavailable),
        (503, ours.UpstreamUnavailable),
        (529, ours.UpstreamUnavailable),
    ],
)
@pytest.mark.parametrize("body", [openai_error("Nope."), b"<html>", b"", [], 7, {"error": None}])
def test_gives_every_status_its_error_whatever_the_body(status: int, kind: type, body: Any) -> None:
    error = error_for(status, body)

    assert type(error) is kind
    assert (error.status, error.retry_after, error.request_id) == (status, 2.0, "req")
    assert "<html" not in error.message


@pytest.mark.parametrize(
    ("body", "message", "code", "param"),
    [
        (openai_error("Bad n.", "bad_n"), "Bad n.", "bad_n", "messages"),
        (openai_error("Bad n."), "Bad n.", "invalid_request_error", "messages"),
        ({"error": "model not found"}, "model not found", None, None),
        ({"detail": "Bad."}, "Bad.", None, None),
        ({"detail": [{"loc": ["n"]}]}, '[{"loc":["n"]}]', None, None),
        ({"message": "Bad.", "code": 7}, "Bad.", "7", None),
        ({"error": {"msg": "Bad."}}, "Bad.", None, None),
        ([{"error": {"message": "Bad.", "code": 400}}], "Bad.", "400", None),
        (b"<html>Bad Request</html>", "OpenAI rejected the request (HTTP 400).", None, None),
        ({}, "OpenAI rejected the request (HTTP 400).", None, None),
    ],
)
def test_reads_the_vendors_words_in_every_shape(body: Any, message: str, code: str | None, param: str | None) -> None:
    error = error_for(400, body)

    assert (error.message, error.vendor_code, error.param) == (message, code, param)


@pytest.mark.parametrize(
    "body",
    [
        openai_error("whatever", "context_length_exceeded"),
        openai_error("This model's maximum context length is 8192 tokens."),
        openai_error("prompt is too long: 250000 tokens > 200000 maximum"),
        openai_error("Input is too long for requested model."),
        openai_error("the request exceeds the available context size, try increasing it"),
        openai_error("Please reduce the length of the messages or completion."),
        openai_error("This endpoint's maximum context length is 131072 tokens."),
        openai_error("Prompt exceeds max length", 1261),
        openai_error("输入内容超过模型上下文长度限制"),
        {"error": "input length exceeds the context window of the model"},
    ],
)
@pytest.mark.parametrize("status", [400, 413, 422])
def test_recognises_a_prompt_that_is_too_long(status: int, body: Any) -> None:
    assert type(error_for(status, body)) is ours.ContextTooLong


@pytest.mark.parametrize(
    "message",
    ["max_tokens is too large: 5", "string too long. Expected a string with maximum length 512", "'context' is odd"],
)
def test_does_not_take_other_rejections_for_it(message: str) -> None:
    assert type(error_for(400, openai_error(message))) is ours.UpstreamRejected


def test_does_not_take_an_overloaded_vendor_for_it() -> None:
    assert type(error_for(500, openai_error("context length exceeded"))) is ours.UpstreamUnavailable


def test_never_shows_our_key() -> None:
    error = error_for(400, openai_error("Bad header: Bearer sk-secret!"))

    assert error.message == "Bad header: Bearer [redacted]!"


def test_shows_none_of_the_vendors_words_when_it_is_not_the_callers_doing() -> None:
    words = openai_error("Incorrect API key provided: sk-se*****et. Contact billing@vendor.")

    assert [error_for(status, words).message for status in (401, 429, 500)] == [
        "OpenAI refused our credentials.",
        "OpenAI is limiting our rate.",
        "OpenAI failed (HTTP 500).",
    ]


def test_trims_a_long_message() -> None:
    assert len(error_for(400, openai_error("x" * 5000)).message) == errors.MAX_MESSAGE_CHARACTERS


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        ({"message": "x", "code": 429}, ours.UpstreamRateLimited),
        ({"message": "x", "code": "502"}, ours.UpstreamUnavailable),
        ({"message": "x", "code": "rate_limit_exceeded"}, ours.UpstreamRateLimited),
        ({"message": "x", "type": "invalid_request_error"}, ours.UpstreamRejected),
        ({"message": "x", "type": "invalid_request_error", "code": "context_length_exceeded"}, ours.ContextTooLong),
        ({"message": "maximum context length is 5"}, ours.ContextTooLong),
        ({"message": "x", "type": "authentication_error"}, ours.UpstreamAuthFailed),
        ({"message": "x", "code": "insufficient_quota"}, ours.UpstreamAuthFailed),
        ({"message": "x", "type": "insufficient_quota", "code": 429}, ours.UpstreamAuthFailed),
        ({"message": "x", "code": "credit_balance_exhausted", "type": "rate_limit_error"}, ours.UpstreamAuthFailed),
        ({"message": "x", "type": "server_error"}, ours.UpstreamUnavailable),
        ({"message": "x", "code": 7}, ours.UpstreamUnavailable),
        ("overloaded", ours.UpstreamUnavailable),
    ],
)
def test_gives_an_error_object_inside_a_200_its_error(inner: Any, kind: type) -> None:
    assert type(errors.from_payload({"error": inner}, label="V")) is kind
