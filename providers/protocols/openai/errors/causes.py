"""What a vendor's refusal is about, by its error codes and its message: no two vendors use the same ones.

Many vendors give no sign but the message, so each pattern here is a sentence that one of them was seen to send
(tests/unit/providers/protocols/openai/errors/test_causes.py). The first cause that matches counts.
"""

import re
import string
from collections.abc import Collection
from enum import Enum, auto


class Cause(Enum):
    """RATE and OUTPUT exist only so that their sentences are not taken for CONTEXT."""

    MONEY = auto()
    KEY = auto()
    REGION = auto()
    CONTENT = auto()
    RATE = auto()
    CONTEXT = auto()
    OUTPUT = auto()
    MODEL = auto()


# Numeric codes are Z.ai's.
_CODES: dict[Cause, frozenset[str]] = {
    Cause.MONEY: frozenset({
        "insufficient_quota", "insufficient_balance", "insufficient_user_quota", "credit_balance_exhausted",
        "billing_hard_limit_reached", "exceeded_current_quota_error", "arrearage", "1113",
    }),
    Cause.KEY: frozenset({"invalid_api_key", "api_key_invalid", "authentication_error", "incorrect_api_key"}),
    Cause.REGION: frozenset({"unsupported_country_region_territory", "request_forbidden"}),
    Cause.CONTENT: frozenset({
        "content_filter", "content_filtered", "content_policy_violation", "moderation_blocked", "sensitive",
        "data_inspection_failed", "datainspectionfailed", "responsibleaipolicyviolation", "sensitive_words_detected",
        "inputtextsensitivecontentdetected", "inputimagesensitivecontentdetected", "1301",
    }),
    Cause.RATE: frozenset({"rate_limit_exceeded", "rate_limit_error", "too_many_requests"}),
    Cause.CONTEXT: frozenset({
        "context_length_exceeded", "model_context_window_exceeded", "exceed_context_size_error",
        "model_max_prompt_tokens_exceeded", "1261",
    }),
    Cause.MODEL: frozenset({
        "model_not_found", "model_not_exist", "modelnotfound", "invalid_model", "unknown_model",
        "model_decommissioned", "deploymentnotfound", "1211",
    }),
}  # fmt: skip

_CONTEXT_SENTENCES = (
    r"context[ _](length|window|size|limit)",
    r"maximum (allowed )?(context|prompt|input|model) length",
    r"(prompt|input|token|messages)( tokens?)?( length)?( is|) too long",
    r"(prompt|input) \([^)]{1,40}\) is too long",
    r"too many (input |prompt )?tokens",
    r"reduce (the|your) (length|prompt|input)",
    r"exceed(s|ed)? (the )?(model's )?max(imum)?[ _](prompt |input |model |message )*(length|tokens|seq_len)",
    r"exceed(s|ed)? the maximum number of tokens",
    r"exceeded model token limit",
    r"model max length exceeded",
    r"tokens in request more than max tokens",
    r"prompt token count of \d+ exceeds",
    r"range of input length should be",
    # A negative number: the prompt leaves less than nothing of the window for the answer.
    r"max_(completion_|new_)?tokens must be at least \d+, got -",
    r"inputs`? tokens \+ `?max_new_tokens",
    r"`?inputs`? must have less than \d+ tokens",
    r"上下文.{0,12}(长度|窗口|超)",
    r"(输入|提示).{0,8}(过长|超长|超过)",
)
_OUTPUT_SENTENCES = (
    # Only without the prompt beside it: together with the prompt it means that the context is full.
    r"(?<!\+ )(?<!\+ `)max_(completion_|output_|new_)?tokens[`']? (must|should) be (at most|less than|<)",
    r"range of max_(completion_|output_|new_)?tokens",
)
_NAME = r"[`'\"“]?[\w./:@+-]{0,200}[`'\"”]?"
_MODEL_SENTENCES = (
    rf"\bmodels?[ :/]{{1,2}}{_NAME},? ?(does not|doesn't|not) exist",
    rf"\bmodels?[ :/]{{1,2}}{_NAME} ?(is |was |could |can)?(not (be )?found|has been (decommissioned|deprecated))",
    r"\bmodel:? not found",
    r"not a valid model",
    r"(no such|unknown|not found the) model\b",
    r"\binvalid model( name| id)?( passed|[:=]|$)",
    r"(not have|no) access to (the )?model|access to model denied",
    r"no (endpoints found|available channel) for",
    r"^model: \S+$",
    r"模型.{0,40}不存在",
)
_SENTENCES: tuple[tuple[Cause, tuple[str, ...]], ...] = (
    (Cause.MONEY, (r"insufficient (balance|credits?|funds)", r"credit balance is too low", r"余额不足", r"欠费")),
    (
        Cause.KEY,
        (r"(incorrect|invalid|missing|expired|no) api[ _-]?key", r"api[ _-]?key (is )?(not valid|invalid|expired)"),
    ),
    (
        Cause.REGION,
        (
            r"(country|region|territory|location)( is|) not (supported|available|allowed)",
            r"not available in your (country|region)",
        ),
    ),
    (
        Cause.CONTENT,
        (
            r"content exists risk",
            r"content management policy",
            r"\bsafety (system|reasons)|failed check: safety",
            r"violates? .{0,40}(usage guidelines|usage polic|content polic)",
            r"your (input|prompt|request) was flagged",
            r"may contain (inappropriate|sensitive) content",
            r"considered high risk",
            r"(input|output) new_sensitive",
            r"不安全或敏感|敏感(内容|词)",
        ),
    ),
    (
        Cause.RATE,
        (r"rate.?limit", r"too many requests", r"throttl", r"tokens per (min|hour|day)", r"please wait before"),
    ),
    (Cause.OUTPUT, _OUTPUT_SENTENCES),
    (Cause.CONTEXT, _CONTEXT_SENTENCES),
    (Cause.MODEL, _MODEL_SENTENCES),
)
_PATTERNS = tuple((cause, re.compile("|".join(sentences), re.IGNORECASE)) for cause, sentences in _SENTENCES)
# How servers say that the path does not exist: then the base URL is wrong, not the request.
_NO_SUCH_PATH = re.compile(
    r"^(http )?(404:? )?((page|resource|route|url|path|endpoint) )?not found$|method not allowed"
    r"|(invalid|unknown|unrecognized) (request )?(url|route|path|endpoint)|cannot (get|post) /|no (such )?route",
    re.IGNORECASE,
)
_PATH_CHARACTERS = 200


def cause_of(message: str, codes: Collection[str | None]) -> Cause | None:
    """None when neither the codes nor the message are known."""
    return by_code(codes) or next((cause for cause, pattern in _PATTERNS if pattern.search(message)), None)


def by_code(codes: Collection[str | None]) -> Cause | None:
    given = {code.lower() for code in codes if code}
    return next((cause for cause, known in _CODES.items() if not known.isdisjoint(given)), None)


def is_about_the_path(message: str) -> bool:
    """Also for an empty message: a vendor's own 404 has one, the 404 of another server behind that address does not."""
    text = message[:_PATH_CHARACTERS].strip(string.punctuation + string.whitespace)
    return not text or bool(_NO_SUCH_PATH.search(text))
