"""Texts without messages, as completions and embeddings take them: a string, tokens, or an array of either."""

from typing import Any

from conversations.rules import checks
from conversations.rules.texts import storable
from providers.messages import BareText

TEXTS_MAX = 2048
# OpenAI's bound for one request for embeddings; more than any model of completions takes.
TOKENS_MAX = 300_000
KINDS = "must be a string, an array of strings, an array of tokens, or an array of token arrays"


def parse(given: Any, path: str) -> tuple[BareText, ...]:
    """At least one text. Raises InvalidRequest that names the path at fault."""
    if given is None:
        checks.refuse(path, "is required")
    texts = given if isinstance(given, list) and not _may_be_tokens(given) else [given]
    if not texts:
        checks.refuse(path, "must not be empty")
    checks.array(texts, path, most=TEXTS_MAX)
    if sum(len(text) for text in texts if isinstance(text, list)) > TOKENS_MAX:
        checks.refuse(path, f"has more than {TOKENS_MAX} tokens in all")
    if not (all(isinstance(text, str) for text in texts) or all(_are_tokens(text) for text in texts)):
        checks.refuse(path, KINDS)
    return tuple(storable(text, param=path) if isinstance(text, str) else text for text in texts)


def _may_be_tokens(given: list[Any]) -> bool:
    """Judged by the first element: all are checked only once their number is known to be small enough."""
    return bool(given) and isinstance(given[0], int)


def _are_tokens(given: Any) -> bool:
    is_list = isinstance(given, list) and bool(given)
    return is_list and all(isinstance(token, int) and not isinstance(token, bool) and token >= 0 for token in given)
