"""What a vendor's refusal is about, by its codes and its words: no two vendors use the same ones.

The words are the only sign that many vendors give, so a row here is a sentence that one of them was seen to say
(tests/unit/providers/protocols/openai_chat/errors/test_subjects.py). The first subject that fits counts.
"""

import re
import string
from collections.abc import Collection
from enum import Enum, auto


class Subject(Enum):
    """RATE and OUTPUT only keep their sentences from being read as CONTEXT."""

    MONEY = auto()
    KEY = auto()
    REGION = auto()
    CONTENT = auto()
    RATE = auto()
    CONTEXT = auto()
    OUTPUT = auto()
    MODEL = auto()


# Numbers as codes are Z.ai's.
_CODES: dict[Subject, frozenset[str]] = {
    Subject.MONEY: frozenset({
        "insufficient_quota", "insufficient_balance", "insufficient_user_quota", "credit_balance_exhausted",
        "billing_hard_limit_reached", "exceeded_current_quota_error", "arrearage", "1113",
    }),
    Subject.KEY: frozenset({"invalid_api_key", "api_key_invalid", "authentication_error", "incorrect_api_key"}),
    Subject.REGION: frozenset({"unsupported_country_region_territory", "request_forbidden"}),
    Subject.CONTENT: frozenset({
        "content_filter", "content_filtered", "content_policy_violation", "moderation_blocked", "sensitive",
        "data_inspection_failed", "datainspectionfailed", "responsibleaipolicyviolation", "sensitive_words_detected",
        "inputtextsensitivecontentdetected", "inputimagesensitivecontentdetected", "1301",
    }),
    Subject.RATE: frozenset({"rate_limit_exceeded", "rate_limit_error", "too_many_requests"}),
    Subject.CONTEXT: frozenset({
        "context_length_exceeded", "model_context_window_exceeded", "exceed_context_size_error",
        "model_max_prompt_tokens_exceeded", "1261",
    }),
    Subject.MODEL: frozenset({
        "model_not_found", "model_not_exist", "modelnotfound", "invalid_model", "unknown_model",
        "model_decommissioned", "deploymentnotfound", "1211",
    }),
}  # fmt: skip

_CONTEXT_WORDS = (
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
    # Below nothing: what the prompt left of the window for the answer.
    r"max_(completion_|new_)?tokens must be at least \d+, got -",
    r"inputs`? tokens \+ `?max_new_tokens",
    r"`?inputs`? must have less than \d+ tokens",
    r"上下文.{0,12}(长度|窗口|超)",
    r"(输入|提示).{0,8}(过长|超长|超过)",
)
_OUTPUT_WORDS = (
    # On its own; together with the prompt it is the context that is full.
    r"(?<!\+ )(?<!\+ `)max_(completion_|output_|new_)?tokens[`']? (must|should) be (at most|less than|<)",
    r"range of max_(completion_|output_|new_)?tokens",
)
_NAME = r"[`'\"“]?[\w./:@+-]{0,200}[`'\"”]?"
_MODEL_WORDS = (
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
_WORDS: tuple[tuple[Subject, tuple[str, ...]], ...] = (
    (Subject.MONEY, (r"insufficient (balance|credits?|funds)", r"credit balance is too low", r"余额不足", r"欠费")),
    (
        Subject.KEY,
        (r"(incorrect|invalid|missing|expired|no) api[ _-]?key", r"api[ _-]?key (is )?(not valid|invalid|expired)"),
    ),
    (
        Subject.REGION,
        (
            r"(country|region|territory|location)( is|) not (supported|available|allowed)",
            r"not available in your (country|region)",
        ),
    ),
    (
        Subject.CONTENT,
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
        Subject.RATE,
        (r"rate.?limit", r"too many requests", r"throttl", r"tokens per (min|hour|day)", r"please wait before"),
    ),
    (Subject.OUTPUT, _OUTPUT_WORDS),
    (Subject.CONTEXT, _CONTEXT_WORDS),
    (Subject.MODEL, _MODEL_WORDS),
)
_PATTERNS = tuple((subject, re.compile("|".join(words), re.IGNORECASE)) for subject, words in _WORDS)
# How servers say that nothing is behind the path: what is wrong is the base URL, not the request.
_NO_SUCH_PATH = re.compile(
    r"^(http )?(404:? )?((page|resource|route|url|path|endpoint) )?not found$|method not allowed"
    r"|(invalid|unknown|unrecognized) (request )?(url|route|path|endpoint)|cannot (get|post) /|no (such )?route",
    re.IGNORECASE,
)
_PATH_CHARACTERS = 200


def subject_of(message: str, codes: Collection[str | None]) -> Subject | None:
    """What the refusal is about; None when neither the codes nor the words are known."""
    return by_code(codes) or next((subject for subject, words in _PATTERNS if words.search(message)), None)


def by_code(codes: Collection[str | None]) -> Subject | None:
    said = {code.lower() for code in codes if code}
    return next((subject for subject, known in _CODES.items() if not known.isdisjoint(said)), None)


def is_about_the_path(message: str) -> bool:
    """Also when nothing is said: a vendor's own 404 has words, the 404 of whoever else is behind that address not."""
    said = message[:_PATH_CHARACTERS].strip(string.punctuation + string.whitespace)
    return not said or bool(_NO_SUCH_PATH.search(said))
