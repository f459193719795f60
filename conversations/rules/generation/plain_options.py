"""Types and ranges of options that are one value each (docs/contract C.2): for requests and for stored presets."""

from collections.abc import Mapping
from typing import Any

from conversations.rules import checks

INT64 = 2**63
INT32_MAX = 2**31 - 1
N_MAX = 128
TOP_LOGPROBS_MAX = 20
# The most characters of a text that names or chooses something: an id of a user or a cache, a tier.
WORD_MAX_CHARS = 1_024

# The least and the most value.
NUMBERS: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
INTEGERS: Mapping[str, tuple[int, int]] = {
    "n": (1, N_MAX),
    "seed": (-INT64, INT64 - 1),
    "max_tokens": (1, INT32_MAX),
    "max_completion_tokens": (1, INT32_MAX),
    "top_logprobs": (0, TOP_LOGPROBS_MAX),
}
FLAGS = frozenset({"logprobs", "parallel_tool_calls"})
WORDS = frozenset({
    "user", "reasoning_effort", "verbosity", "service_tier", "safety_identifier", "prompt_cache_key",
    "prompt_cache_retention",
})  # fmt: skip
NAMES = frozenset({*NUMBERS, *INTEGERS, *FLAGS, *WORDS})


def checked(name: str, value: Any) -> Any:
    """The value of one of NAMES, as the serializer of a request would return it. Raises InvalidRequest."""
    if name in FLAGS:
        return value if isinstance(value, bool) else checks.refuse(name, "must be true or false")
    if name in WORDS:
        return checks.short(checks.string(value, name), name, most=WORD_MAX_CHARS)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    least, most = NUMBERS.get(name) or INTEGERS[name]
    is_whole = name in NUMBERS or (is_number and value % 1 == 0)
    # NaN compares false with both bounds.
    if not is_number or not least <= value <= most or not is_whole:
        checks.refuse(name, f"must be a {'number' if name in NUMBERS else 'whole number'} from {least} to {most}")
    return value if name in NUMBERS else int(value)
