"""Refusals of real vendors over real HTTP: which error each becomes, and what of its message is shown."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from providers import errors
from providers.assembly import Assembler
from providers.catalog import Target
from providers.messages import ChatRequest, Message, Role, TextPart
from tests.fakes.replies import Reply, answers, chunk, streams
from tests.fakes.upstream import FakeUpstream
from tests.integration.providers.clients import SECRET, ask, target

KEY_IN_WORDS = f"Incorrect API key provided: {SECRET}."


def openai(message: str, kind: str, code: str | None = None, param: str | None = None) -> Any:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def openrouter(message: str, code: int, **metadata: Any) -> Any:
    return {"error": {"message": message, "code": code, "metadata": metadata}, "user_id": "user_1"}


def deepseek(message: str, kind: str) -> Any:
    return {"error": {"message": message, "type": kind, "param": None, "code": "invalid_request_error"}}


def refuses(status: int, body: Any) -> Reply:
    """The delay is longer than a call waits for a retry."""
    return replace(answers(body, status=status), headers={"Retry-After": "120"})


OUR_KEY, OUR_RATE = "OpenAI refused our credentials.", "OpenAI is limiting our rate."
TOO_LONG = "This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens."


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        (
            refuses(400, openai("Invalid 'temperature'.", "invalid_request_error", None, "temperature")),
            errors.UpstreamRejected,
            "Invalid 'temperature'.",
        ),
        (
            refuses(400, openai(TOO_LONG, "invalid_request_error", "context_length_exceeded", "messages")),
            errors.ContextTooLong,
            TOO_LONG,
        ),
        (
            refuses(401, openai(KEY_IN_WORDS, "invalid_request_error", "invalid_api_key")),
            errors.UpstreamAuthFailed,
            OUR_KEY,
        ),
        (refuses(403, openai("No permission", "permission_error")), errors.UpstreamAuthFailed, OUR_KEY),
        (
            refuses(403, openai("Country not supported", "request_forbidden")),
            errors.RegionRefused,
            "Country not supported",
        ),
        (
            refuses(403, openrouter("Your input was flagged", 403, reasons=["violence"])),
            errors.UpstreamForbidden,
            "Your input was flagged",
        ),
        (
            refuses(400, openai("The response was filtered", "x", "content_filter", "prompt")),
            errors.ContentRefused,
            "The response was filtered",
        ),
        (
            refuses(404, b"<html>404 Not Found</html>"),
            errors.UpstreamGarbled,
            "OpenAI has nothing at that address (HTTP 404); its base URL is wrong.",
        ),
        (
            refuses(404, openai("The model `x` does not exist", "invalid_request_error", "model_not_found")),
            errors.ModelNotFound,
            "The model `x` does not exist",
        ),
        (
            refuses(413, openai("Request too large", "invalid_request_error")),
            errors.RequestTooLarge,
            "Request too large",
        ),
        (
            refuses(429, openai("Rate limit reached", "requests", "rate_limit_exceeded")),
            errors.UpstreamRateLimited,
            OUR_RATE,
        ),
        (
            refuses(429, openai("You exceeded your quota", "insufficient_quota", "insufficient_quota")),
            errors.UpstreamAuthFailed,
            OUR_KEY,
        ),
        (
            refuses(500, openai("The server had an error", "server_error")),
            errors.UpstreamUnavailable,
            "OpenAI failed (HTTP 500).",
        ),
        (
            refuses(503, openai("Overloaded", "server_error", "server_is_overloaded")),
            errors.UpstreamUnavailable,
            "OpenAI failed (HTTP 503).",
        ),
        (
            refuses(400, openrouter("x is not a valid model ID", 400)),
            errors.ModelNotFound,
            "x is not a valid model ID",
        ),
        (refuses(402, openrouter("Insufficient credits", 402)), errors.UpstreamAuthFailed, OUR_KEY),
        (
            refuses(429, openrouter("Provider returned error", 429, raw="busy", provider_name="Z")),
            errors.UpstreamRateLimited,
            OUR_RATE,
        ),
        (
            refuses(502, openrouter("Provider returned error", 502)),
            errors.UpstreamUnavailable,
            "OpenAI failed (HTTP 502).",
        ),
        (
            refuses(400, deepseek("Model Not Exist", "invalid_request_error")),
            errors.ModelNotFound,
            "Model Not Exist",
        ),
        (
            refuses(401, deepseek("Authentication Fails (no such user)", "authentication_error")),
            errors.UpstreamAuthFailed,
            OUR_KEY,
        ),
        (refuses(402, deepseek("Insufficient Balance", "unknown_error")), errors.UpstreamAuthFailed, OUR_KEY),
        (
            refuses(422, {"error": {"message": "Failed to deserialize the JSON body"}}),
            errors.UpstreamRejected,
            "Failed to deserialize the JSON body",
        ),
        (
            refuses(404, openai('model "x" not found, try pulling it first', "api_error")),
            errors.ModelNotFound,
            'model "x" not found, try pulling it first',
        ),
        (
            refuses(400, {"error": "json: cannot unmarshal number into Go struct field"}),
            errors.UpstreamRejected,
            "json: cannot unmarshal number into Go struct field",
        ),
        (
            refuses(500, {"error": "llama runner process has terminated"}),
            errors.UpstreamUnavailable,
            "OpenAI failed (HTTP 500).",
        ),
        (refuses(503, b"<html>upstream connect error</html>"), errors.UpstreamUnavailable, "OpenAI failed (HTTP 503)."),
    ],
)
def test_shows_the_caller_a_message_that_fits_the_error(
    reply: Reply, kind: type, message: str, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(reply)

    outcome = ask(http, target(upstream))

    assert type(outcome.error) is kind
    assert outcome.error is not None
    assert (outcome.error.message, outcome.error.status, outcome.error.request_id) == (
        message,
        reply.status,
        "req-fake",
    )
    assert outcome.error.retry_after == 120.0
    assert SECRET not in repr(outcome.error.args)
    assert outcome.events == []


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answers({"error": {"message": "No endpoints found", "code": 404}}), errors.UpstreamRejected),
        (answers({"error": {"message": "Rate limited", "code": 429}}), errors.UpstreamRateLimited),
        (streams({"error": {"message": "Provider disconnected", "code": "server_error"}}), errors.UpstreamUnavailable),
        (streams({**chunk({"content": ""}, finish="error"), "error": {"code": 502}}), errors.UpstreamUnavailable),
        (streams({"error": openai(TOO_LONG, "invalid_request_error")["error"]}), errors.ContextTooLong),
    ],
)
def test_finds_the_error_inside_a_200(
    reply: Reply, kind: type, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(*[reply] * 3)

    outcome = ask(http, target(upstream))

    assert type(outcome.error) is kind
    assert outcome.text == ""


def test_keeps_the_text_that_came_before_an_error(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(streams(chunk({"content": "Hel"}), openrouter("Provider disconnected", 502)))

    outcome = ask(http, target(upstream))

    assert (outcome.text, type(outcome.error), outcome.http_calls) == ("Hel", errors.UpstreamUnavailable, 1)


def test_gives_the_vendors_own_fields_back_in_the_next_turn_and_to_nobody_else(
    upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    said = {"content": "Hi", "reasoning_details": [{"signature": "s"}], "annotations": [1]}
    upstream.script(streams(chunk(said), chunk({}, finish="stop"), "[DONE]"))
    assembler = Assembler()
    for event in ask(http, target(upstream)).events:
        assembler.add(event)
    history = (assembler.answer().message, Message(Role.USER, (TextPart("And?"),)))

    to = target(upstream)
    ask(http, to, request=ChatRequest("m", history))
    ask(http, Target("other", "Other", "openai", to.base_url, "m"), request=ChatRequest("m", history))

    own, others = (request.messages[0] for request in upstream.requests[1:])
    assert own == {
        "role": "assistant",
        "content": "Hi",
        "reasoning_details": [{"signature": "s"}],
        "annotations": [1],
    }
    assert others == {"role": "assistant", "content": "Hi"}
