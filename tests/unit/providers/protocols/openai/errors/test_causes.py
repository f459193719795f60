"""Sentences that vendors were seen to send, and the error that each stands for."""

import json
import time
from typing import Any

import pytest

from providers import errors as ours
from providers.protocols.openai.errors import mapping


def error_for(status: int, body: Any) -> ours.ProviderError:
    return mapping.from_response(status=status, body=json.dumps(body).encode(), display_name="V")


def said(message: str, code: Any = None, kind: str | None = "invalid_request_error", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


TOO_LONG = [
    said("whatever", "context_length_exceeded"),
    # OpenAI, DeepSeek, OpenRouter
    said("This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."),
    said("Your input exceeds the context window of this model. Please adjust your input and try again."),
    said("This endpoint's maximum context length is 131072 tokens. However, you requested about 200000 tokens."),
    said("Input length 131393 exceeds the maximum allowed input length of 131040 tokens."),
    said("Input length (265330) exceeds model's maximum context length (262144)."),
    # vLLM
    said(
        "This model's maximum context length is 262144 tokens. However, you requested 0 output tokens and your prompt "
        "contains at least 262145 input tokens, for a total of at least 262145 tokens. Please reduce the length of "
        "the input prompt or the number of requested output tokens."
    ),
    said(
        "'max_tokens' or 'max_completion_tokens' is too large: 2000. This model's maximum context length is 4096 "
        "tokens and your request has 2104 input tokens (2000 > 4096 - 2104)."
    ),
    {"object": "error", "message": "max_tokens must be at least 1, got -186.", "type": "BadRequestError", "code": 400},
    said("The prompt (total length 35000) is too long to fit into the model (context length 32768)."),
    said("The decoder prompt (length 40000) is longer than the maximum model length of 32768."),
    # SGLang, Together
    said("The input (61709 tokens) is longer than the model's context length (40960 tokens)."),
    said("Requested token count exceeds the model's maximum context length of 131072 tokens."),
    said("`inputs` tokens + `max_new_tokens` must be <= 4097. Given: 4000 `inputs` tokens and 512 `max_new_tokens`"),
    # llama.cpp, LM Studio, Ollama
    said("the request exceeds the available context size, try increasing it", 400, "exceed_context_size_error"),
    said("whatever", 400, "exceed_context_size_error"),
    said("The number of tokens to keep from the initial prompt is greater than the context length."),
    {"error": "input length exceeds the context window of the model"},
    {"error": "prompt too long; exceeded max context length by 1024 tokens"},
    # Gemini, Anthropic, Bedrock
    [said("The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).", 400, None)],
    [said("The input token count exceeds the maximum number of tokens allowed 1048576.", 400, None)],
    said("prompt is too long: 250000 tokens > 200000 maximum"),
    said("input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length"),
    said("Input is too long for requested model."),
    said("Too many input tokens."),
    # Mistral, Groq, xAI, Cohere, Copilot, Perplexity
    said("Prompt contains 33000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"),
    said("Please reduce the length of the messages or completion."),
    {"code": "x", "error": "This model's maximum prompt length is 131072 but the request contains 537812 tokens."},
    said("too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000"),
    said("Prompt too long: 5152 tokens exceeds max_seq_len 2048 (leave room for output tokens)"),
    said("prompt token count of 140000 exceeds the limit of 128000"),
    said("The total length of all messages is too long."),
    # Moonshot, Qwen, MiniMax, Z.ai
    said("Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)"),
    said("Input token length too long"),
    said("model max length exceeded, max length:8192"),
    said("<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 204800]", "invalid_parameter"),
    said("invalid params, context window exceeds limit (2013)"),
    {"base_resp": {"status_code": 1039, "status_msg": "tokens in request more than max tokens allowed"}},
    said("Prompt exceeds max length", 1261),
    said("输入内容超过模型上下文长度限制"),
]


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("body", TOO_LONG)
def test_recognises_a_prompt_that_is_too_long(status: int, body: Any) -> None:
    assert type(error_for(status, body)) is ours.ContextTooLong


@pytest.mark.parametrize("body", [body for body in TOO_LONG if isinstance(body, dict)])
def test_recognises_a_prompt_that_is_too_long_inside_a_200(body: dict[str, Any]) -> None:
    assert type(mapping.from_payload(body, display_name="V")) is ours.ContextTooLong


@pytest.mark.parametrize(
    "body",
    [
        said("max_tokens is too large: 100000. This model supports at most 16384 completion tokens."),
        said("max_tokens must be at most 8192"),
        said(
            "`max_tokens` must be less than or equal to `16384`, the maximum value for `max_tokens` is less than the "
            "`context_window` for this model"
        ),
        said("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"),
        said("<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 8192]"),
        said("max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for the model"),
        said("Invalid 'messages[0].content': string too long. Expected a string with maximum length 1048576"),
        said("Invalid 'tools': array too long. Expected an array with maximum length 128"),
        said("'context' is odd"),
        said("prompt_cache_key is too long"),
        said("ThrottlingException: Too many tokens, please wait before trying again."),
        said("Rate limit reached for m on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000."),
    ],
)
def test_other_rejections_are_not_about_the_context(body: Any) -> None:
    assert type(error_for(400, body)) is ours.UpstreamRejected


def test_does_not_cut_a_history_because_of_a_limit_per_minute() -> None:
    words = (
        "Request too large for model `m` in organization `org_01hsjxygceejnvjd05wgz483z2` service tier `on_demand` on "
        "tokens per minute (TPM): Limit 10000, Requested 21247, please reduce your message size and try again."
    )

    error = error_for(413, said(words, "rate_limit_exceeded", "tokens"))

    assert type(error) is ours.RequestTooLarge
    assert "organization `[redacted]` service" in error.message


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, said("The model `x` does not exist or you do not have access to it.", "model_not_found")),
        (404, said("The model `gpt-4.1-x` has been deprecated, learn more here", "model_not_found")),
        (403, said("Project `p` does not have access to model `gpt-4o`", "model_not_found")),
        (404, {"object": "error", "message": "The model `/data/Qwen` does not exist.", "type": "NotFoundError"}),
        (404, said('model "x:7b" not found, try pulling it first', None, "api_error")),
        (404, {"error": "model 'x' not found"}),
        (400, said("Model Not Exist")),
        (400, {"error": {"message": "vendor/x is not a valid model ID", "code": 400}}),
        (404, {"error": {"message": "No endpoints found for vendor/x.", "code": 404}}),
        (404, [{"error": {"code": 404, "message": "models/x-9.1 is not found for API version v1main"}}]),
        (404, {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-x"}}),
        (404, said("Not found the model x or Permission denied", None, "resource_not_found_error")),
        (400, {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"}),
        (400, {"error": {"message": "Invalid model name passed in model=x"}}),
        (400, {"error": {"code": "1211", "message": "模型不存在，请检查模型代码。"}}),
        (400, {"error": {"code": "1211", "message": "Unknown Model, please check the model code."}}),
        (400, said("The model `x` has been decommissioned and is no longer supported.", "model_decommissioned")),
        (404, {"code": "x", "error": "The model x does not exist or your team 0 does not have access to it."}),
        (400, {"code": "x", "error": "Model not found: x"}),
        (403, said("Access to model denied. Please make sure you are eligible for using the model.")),
        (404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}}),
        (503, said("No available channel for model x under group default", "model_not_found", "new_api_error")),
    ],
)
def test_recognises_a_model_that_the_vendor_does_not_have(status: int, body: Any) -> None:
    error = error_for(status, body)

    assert type(error) is ours.ModelNotFound
    assert error.message


@pytest.mark.parametrize(
    "body",
    [
        said("The model `x` does not support image input."),
        said("The function `f` does not exist."),
        said("Unsupported value: 'temperature' does not support 0.2 with this model."),
    ],
)
def test_a_feature_that_a_model_lacks_is_not_a_missing_model(body: Any) -> None:
    assert type(error_for(400, body)) is ours.UpstreamRejected


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"detail": "Not Found"},
        {"error": {"code": "404", "message": "Resource not found"}},
        {"timestamp": "t", "status": 404, "error": "Not Found", "path": "/v4/chat/completions"},
        said("Invalid URL (POST /v1/v1/chat/completions)"),
        said("Unknown request URL: POST /openai/chat/completions. Please check the URL for typos.", "unknown_url"),
        {"message": "no Route matched with those values"},
        {"error": "404 page not found"},
        {"error": "Method Not Allowed"},
    ],
)
@pytest.mark.parametrize("status", [404, 405])
def test_a_wrong_base_url_is_not_the_callers_fault(status: int, body: Any) -> None:
    error = error_for(status, body)

    assert type(error) is ours.UpstreamGarbled
    assert error.message == f"V has nothing at that address (HTTP {status}); its base URL is wrong."
    assert error.reason == "the base URL is wrong"


@pytest.mark.parametrize(
    "body", [said("No such File object: file-abc"), said("No endpoints found that support tool use.", 404)]
)
def test_a_404_about_something_in_the_request_is_the_callers_fault(body: Any) -> None:
    assert type(error_for(404, body)) is ours.UpstreamRejected


MODERATED = [
    said("x", "content_policy_violation"),
    said("The response was filtered due to the prompt triggering Azure's content management policy.", "content_filter"),
    said("Your request was rejected as a result of our safety system."),
    said("Invalid prompt: we've limited access to this content for safety reasons.", "invalid_prompt"),
    said("Content Exists Risk", "invalid_request_error"),
    {"detail": "Content Exists Risk"},
    said("Input data may contain inappropriate content.", "data_inspection_failed"),
    said("The request was rejected because it was considered high risk", None, "content_filter"),
    {
        "contentFilter": [{"level": 1, "role": "user"}],
        "error": {"code": "1301", "message": "系统检测到输入或生成内容可能包含不安全或敏感内容"},
    },
    {"code": "x", "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"},
    {"error": {"code": 403, "message": 'x requires moderation on y. Your input was flagged for "violence".'}},
    {"error": {"code": 403, "message": "No.", "metadata": {"reasons": ["violence"], "flagged_input": "…"}}},
]


@pytest.mark.parametrize(("status", "kind"), [(400, ours.ContentRefused), (403, ours.UpstreamForbidden)])
@pytest.mark.parametrize("body", MODERATED)
def test_a_refusal_by_moderation_is_shown_to_the_caller(body: Any, status: int, kind: type) -> None:
    error = error_for(status, body)

    assert type(error) is kind
    assert error.message != "V refused our credentials."


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, said("Country, region, or territory not supported", "unsupported_country_region_territory")),
        (403, said("Country not supported", None, "request_forbidden")),
        (403, {"error": {"code": 403, "message": "This model is not available in your region."}}),
        (400, [{"error": {"code": 400, "message": "User location is not supported for the API use."}}]),
    ],
)
def test_a_region_that_is_not_served_is_shown_to_the_caller(status: int, body: Any) -> None:
    error = error_for(status, body)

    assert type(error) is ours.RegionRefused
    assert error.message != "V refused our credentials."


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, None),
        (403, said("You have insufficient permissions for this operation.", None, "permission_error")),
        (
            403,
            said(
                "Your account is not active, organization exceeded current quota", None, "exceeded_current_quota_error"
            ),
        ),
        (403, said("Your API key does not have access to this resource")),
        (
            400,
            {"code": "x", "error": "Incorrect API key provided: xa***h. You can obtain an API key from the console."},
        ),
        (400, [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}]),
        (400, said("Your credit balance is too low to access the API. Please go to Plans & Billing.")),
        (429, said("余额不足或无可用资源包,请充值。", "1113")),
        (400, said("Access denied, please make sure your account is in good standing.", "Arrearage")),
    ],
)
def test_an_invalid_key_or_an_empty_balance_is_for_the_operator(status: int, body: Any) -> None:
    error = error_for(status, body)

    assert type(error) is ours.UpstreamAuthFailed
    assert error.message == "V refused our credentials."


def test_a_rate_limit_that_mentions_billing_is_still_a_rate_limit() -> None:
    words = "You exceeded your current quota, please check your plan and billing details. Please retry in 7s."

    assert type(error_for(429, [{"error": {"code": 429, "message": words}}])) is ours.UpstreamRateLimited


@pytest.mark.parametrize(
    "piece",
    [
        *(" ", "`", "model ", "models/", "model:`", "prompt (", "exceeds the ", "exceeded max message ", "violates "),
        *("context", "country ", "not found ", "404 ", "org-a1", "Team: ", "模型", "输入", "model " + "a" * 199 + " "),
    ],
)
def test_reads_any_message_quickly(piece: str) -> None:
    """CPU seconds. About a twentieth of the limit is needed; an expression that backtracks took nine seconds."""
    began = time.process_time()

    for status in (400, 404):
        error_for(status, said(piece * (8000 // len(piece) + 1)))

    assert time.process_time() - began < 1
