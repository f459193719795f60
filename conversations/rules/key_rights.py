"""What an API key may do: which families it speaks, which models it asks, and whether it makes other keys.

Scopes are the names of families, and KEYS. A key without scopes speaks every family, but manages no keys: most keys are
in programs, and one that is stolen must not make others that outlive it. A key with scopes has those alone.

A pattern is the name of a model in which `*` stands for any characters, also none. There is nothing else to it, so that
it can be told whether one pattern has everything that another has, and so that matching is one walk along the name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from conversations.values.callers import Limits

AICHAT, OPENAI, YUJU, API, KEYS = "aichat", "openai", "yuju", "api", "keys"
FAMILIES = (AICHAT, OPENAI, YUJU, API)
SCOPES = (*FAMILIES, KEYS)

PATTERNS_MAX = 50
PATTERN_MAX_CHARS = 200
ANY = "*"


@dataclass(frozen=True, slots=True)
class KeyRights:
    """All that a key may do. `limits` are those that hold for it, wherever they come from."""

    scopes: tuple[str, ...]
    models: tuple[str, ...]
    expires_at: datetime | None
    limits: Limits
    is_operator: bool = False

    def cover(self, other: "KeyRights") -> bool:
        """Whether the other key may do nothing that this one may not. In doubt it is False."""
        return (
            set(_scopes(other.scopes)) <= set(_scopes(self.scopes))
            and all(may_use(self.models, model) for model in other.models or (ANY,))
            and _ends_first(other.expires_at, self.expires_at)
            and _limits_cover(self.limits, other.limits)
            and (self.is_operator or not other.is_operator)
        )


def may_speak(scopes: Sequence[str], scope: str) -> bool:
    return scope in _scopes(scopes)


def may_use(patterns: Sequence[str], model: str) -> bool:
    """Whether the key with these patterns may ask the model, or every model of the pattern `model`."""
    return not patterns or any(_matches(pattern, model) for pattern in patterns)


def pattern_problem(pattern: str) -> str:
    """What is wrong with a pattern, or ""."""
    is_text = pattern.isascii() and pattern.isprintable() and " " not in pattern
    if not is_text or not 0 < len(pattern) <= PATTERN_MAX_CHARS:
        return f"must be 1 to {PATTERN_MAX_CHARS} visible ASCII characters, without spaces"
    return ""


def _scopes(scopes: Sequence[str]) -> Sequence[str]:
    return scopes or FAMILIES


def _matches(pattern: str, model: str) -> bool:
    """Each part between two `*` is looked for once, behind the one before it: that finds a match if there is any.

    A `*` of `model` is found by no part, since parts have none. So a pattern is matched as a whole only by one that
    has all of its names.
    """
    first, *rest = pattern.split(ANY)
    if not rest:
        return model == pattern
    *middle, last = rest
    if not (model.startswith(first) and model.endswith(last)):
        return False
    at, end = len(first), len(model) - len(last)
    for part in middle:
        found = model.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


def _ends_first(one: datetime | None, other: datetime | None) -> bool:
    return other is None or (one is not None and one <= other)


def _limits_cover(limits: Limits, other: Limits) -> bool:
    pairs = (
        (limits.requests_per_minute, other.requests_per_minute),
        (limits.tokens_per_minute, other.tokens_per_minute),
        (limits.concurrent_runs, other.concurrent_runs),
    )
    return all(not own or 0 < asked <= own for own, asked in pairs)
