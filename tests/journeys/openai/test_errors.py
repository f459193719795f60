"""Journey: every refusal of `/v1`, the exception that the SDK raises, and what the SDK retries."""

from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.fakes.replies import Reply, answers, fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, new_id, user
from tests.journeys.clients.openai import Chat, refusal
from tests.journeys.rows import Rows
from tests.journeys.service import Service

HI: Any = [user("Hi")]
NOW = {"Retry-After": "0"}


def raised(retrying_sdk: OpenAI, kind: type[openai.APIStatusError], **fields: Any) -> openai.APIStatusError:
    with pytest.raises(kind) as caught:
        retrying_sdk.chat.completions.create(**{"model": MODEL, "messages": HI, **fields})
    assert type(caught.value) is kind
    assert caught.value.request_id is not None
    return caught.value


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "x"}]}]}, "messages[0].content[0].type"),
        ({"n": 0}, "n"),
        ({"stream": "true"}, "stream"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
    ],
)
def test_a_bad_request_names_its_field_and_leaves_nothing(
    sdk: OpenAI, upstream: FakeUpstream, rows: Rows, fields: dict[str, Any], param: str
) -> None:
    before = rows.counts()

    error = raised(sdk, openai.BadRequestError, **fields)

    assert (error.param, error.code, error.type) == (param, None, "invalid_request_error")
    assert rows.counts() == before
    assert upstream.requests == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b"{} {}", b'{"model": NaN}', b'{"messages": "\xff"}', b'{"model":"\\ud800"}'],
)
def test_a_body_that_is_no_object_is_a_bad_request(chat: Chat, body: bytes) -> None:
    assert refusal(chat.post(body)) == (400, None, None)


def test_a_body_nested_too_deeply_is_a_bad_request(chat: Chat) -> None:
    deep = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}],"x":' + b"[" * 500 + b"]" * 500 + b"}"

    assert chat.post(deep).status_code == 200
    assert refusal(chat.post(deep, headers={"Idempotency-Key": new_id()}))[0] == 400
    assert refusal(chat.post(deep.replace(b'"x"', b'"tools"')))[0] == 400


def test_a_key_is_needed_and_must_be_right(service: Service, chat: Chat, upstream: FakeUpstream) -> None:
    with OpenAI(base_url=f"{service.base_url}/v1", api_key="sk-wrong", max_retries=0) as stranger:
        assert raised(stranger, openai.AuthenticationError).code == "invalid_api_key"

    missing = chat.ask("Hi", headers={"Authorization": None})
    odd = chat.ask("Hi", headers={"Authorization": f"Basic {chat.key}"})
    lower = chat.ask("Hi", headers={"Authorization": f"bearer   {chat.key}"})

    assert refusal(missing) == (401, "invalid_api_key", None)
    assert refusal(odd) == (401, "invalid_api_key", None)
    assert lower.status_code == 200
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("model", ["no-such-model", "grok-3", "../gpt-4o"])
def test_a_model_that_is_not_served_is_not_found(sdk: OpenAI, upstream: FakeUpstream, model: str) -> None:
    error = raised(sdk, openai.NotFoundError, model=model)

    assert (error.code, error.param) == ("model_not_found", "model")
    assert upstream.requests == []


def test_an_embedding_model_is_refused_for_chat(sdk: OpenAI, upstream: FakeUpstream) -> None:
    assert raised(sdk, openai.BadRequestError, model="text-embedding-3-small").param == "model"
    assert upstream.requests == []


@pytest.mark.parametrize("model", ["no-such-model", "grok-3", "a/b:free", "gpt-4o/"])
def test_an_unknown_model_cannot_be_retrieved(sdk: OpenAI, model: str) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.models.retrieve(model)

    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("POST", "/v1/images/generations"),
        ("POST", "/v1/audio/speech"),
        ("GET", "/v1/chat/completions/chatcmpl-1"),
        ("DELETE", "/v1"),
        ("POST", "/openai/images/edits"),
        ("PUT", "/openai/"),
        ("POST", "/openai/v1/chat/completions"),
        ("GET", "/v1/nothing/here"),
        ("POST", "/mj/submit/imagine"),
        ("GET", "/mj"),
    ],
)
def test_an_unknown_route_is_not_found_in_the_familys_form(chat: Chat, method: str, route: str) -> None:
    response = chat.post({}, route=route, method=method)

    assert refusal(response) == (404, None, None)
    assert response.json()["error"]["message"] == f"Invalid URL ({method} {route})"


@pytest.mark.parametrize(("method", "route"), [("GET", "/v1/chat/completions"), ("POST", "/v1/models")])
def test_a_wrong_method_is_refused_with_the_allowed_ones(chat: Chat, method: str, route: str) -> None:
    response = chat.post({}, route=route, method=method)

    assert refusal(response) == (405, "method_not_supported", None)
    assert ("POST" if method == "GET" else "GET") in response.headers["Allow"]


def test_a_body_beyond_the_limit_is_too_large(chat: Chat, upstream: FakeUpstream) -> None:
    response = chat.post(b'{"x":"' + b"x" * 20_000_001 + b'"}')

    assert refusal(response) == (413, None, None)
    assert upstream.requests == []


def test_a_vendors_refusal_is_passed_on_unchanged(sdk: OpenAI, upstream: FakeUpstream) -> None:
    body = {"message": "No such voice.", "type": "invalid_request_error", "param": "audio.voice", "code": "bad_voice"}
    upstream.script(*[answers({"error": body}, status=400)] * 2)

    whole = raised(sdk, openai.BadRequestError)
    streamed = raised(sdk, openai.BadRequestError, stream=True)

    assert [error.body for error in (whole, streamed)] == [body, body]
    assert len(upstream.requests) == 2


def test_a_prompt_beyond_the_window_has_a_code_of_its_own(sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(fails(400, "This model's maximum context length is 8192 tokens.", code="context_length_exceeded"))

    assert raised(sdk, openai.BadRequestError).code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (fails(404, "The model `m` does not exist", code="model_not_found"), openai.NotFoundError, "model_not_found"),
        (fails(400, "Model Not Exist"), openai.NotFoundError, "model_not_found"),
        (fails(400, "Filtered", code="content_filter"), openai.BadRequestError, "content_policy_violation"),
        (fails(403, "Your input was flagged", code="403"), openai.PermissionDeniedError, None),
        (
            fails(403, "Not here", code="unsupported_country_region_territory"),
            openai.PermissionDeniedError,
            "unsupported_country_region_territory",
        ),
        (fails(413, "Image too large"), openai.APIStatusError, "api_error"),
    ],
)
def test_a_vendors_refusal_has_the_sdks_own_class(
    retrying_sdk: OpenAI, upstream: FakeUpstream, reply: Reply, kind: type[openai.APIStatusError], code: str | None
) -> None:
    upstream.on_text("Hi", reply)

    error = raised(retrying_sdk, kind)

    assert (error.code, error.type) == (code, "invalid_request_error")
    assert error.message.encode()
    assert len(upstream.requests) == 1


def test_a_vendors_rate_limit_is_a_rate_limit_with_its_retry_after(sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(fails(429, headers={"Retry-After": "60"}), fails(429, headers={"Retry-After": "3600"}))

    first, second = raised(sdk, openai.RateLimitError), raised(sdk, openai.RateLimitError, stream=True)

    assert (first.code, first.type) == ("rate_limit_exceeded", "rate_limit_error")
    # SDKs do not retry at all when they would have to wait longer.
    assert [error.response.headers["retry-after"] for error in (first, second)] == ["60", "120"]


def test_a_broken_vendor_is_a_server_error(sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(*[fails(500, headers=NOW)] * 3)

    error = raised(sdk, openai.InternalServerError)

    assert (error.status_code, error.code, error.type) == (500, "server_error", "server_error")


@pytest.mark.parametrize("reply", [fails(401), fails(402), fails(429, code="insufficient_quota")])
def test_a_vendor_that_refuses_our_key_or_wants_money_is_not_retried(
    retrying_sdk: OpenAI, upstream: FakeUpstream, reply: Reply
) -> None:
    upstream.on_text("Hi", reply)

    error = raised(retrying_sdk, openai.InternalServerError)

    assert error.response.headers["x-should-retry"] == "false"
    assert len(upstream.requests) == 1


def test_the_sdk_repeats_what_may_succeed_later(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(*[fails(500, headers=NOW)] * 3, says("Here."))

    answer = retrying_sdk.chat.completions.create(model=MODEL, messages=HI)

    assert answer.choices[0].message.content == "Here."
    assert len(upstream.requests) == 4


def test_the_sdk_does_not_repeat_a_conflict(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    key = {"Idempotency-Key": new_id()}
    retrying_sdk.chat.completions.create(model=MODEL, messages=HI, extra_headers=key)

    error = raised(retrying_sdk, openai.ConflictError, extra_headers=key, temperature=1)

    assert (error.code, error.response.headers["x-should-retry"]) == ("idempotency_key_in_use", "false")
    assert len(upstream.requests) == 1
