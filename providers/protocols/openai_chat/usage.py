"""What a vendor counted, in one normal form.

`prompt_tokens` holds cached tokens, `completion_tokens` holds reasoning, and both together are the total, whatever
the vendor counts beside them or calls them.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers import untrusted
from providers.messages import Usage
from providers.protocols.openai_chat.numbers import integer, real

# No call has as many tokens, and none costs as much: such a number is a fault of its vendor.
MAX_TOKENS = 1_000_000_000
MAX_COST = 1_000_000_000
MAX_DETAILS = 32
MAX_NAME_CHARACTERS = 64

_PROMPT, _COMPLETION = ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")
# Cached tokens: DeepSeek's name, Moonshot's, and that of Anthropic's facades.
_CACHED = ("prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
_CACHE_WRITES = ("cache_creation_input_tokens", "cache_write_tokens", "cache_creation_tokens")
_COSTS = ("cost", "total_cost", "estimated_cost")
CACHED, CACHE_WRITES, REASONING = "cached_tokens", "cache_write_tokens", "reasoning_tokens"

Json = Mapping[str, Any]


def read(wire: Any) -> Usage | None:
    """None for what holds no counts, or such as cannot be: that must not pass for a usage that was reported."""
    if not isinstance(wire, dict):
        return None
    prompt, completion, total = (_count(wire, *names) for names in (_PROMPT, _COMPLETION, ("total_tokens",)))
    if prompt is None and completion is None:
        return None
    if any(_is_unbelievable(wire, names) for names in (_PROMPT, _COMPLETION)):
        return None
    asked, written = _prompt_details(wire), _completion_details(wire)
    if prompt is None:
        prompt = max(0, (total or 0) - (completion or 0))
    if completion is None:
        completion = max(0, (total or 0) - prompt)
    prompt, completion = _with_what_stands_beside(prompt, completion, total, asked, written)
    return Usage(prompt, completion, asked, written, cost=_cost(wire))


def _with_what_stands_beside(
    prompt: int, completion: int, total: int | None, asked: dict[str, int], written: dict[str, int]
) -> tuple[int, int]:
    """Prompt and completion with what is theirs, but was counted beside them.

    xAI does so with reasoning, Gemini's facade too but without naming it, Anthropic's with the cache. The total gives
    it away; without one, a part that is larger than its whole does.
    """
    cache, reasoning = asked.get(CACHED, 0) + asked.get(CACHE_WRITES, 0), written.get(REASONING, 0)
    if total is None:
        return prompt + (cache if cache > prompt else 0), completion + (reasoning if reasoning > completion else 0)
    beside = total - prompt - completion
    if beside > 0 and not reasoning and beside != cache:
        written[REASONING] = reasoning = beside
    if beside > 0 and beside == reasoning:
        return prompt, completion + beside
    return (prompt + beside if beside > 0 and beside == cache else prompt), completion


def larger(old: Usage | None, new: Usage | None) -> Usage | None:
    """Of two reports on one call: counts only grow, so the larger is the later. What only one of them told is kept."""
    if old is None or new is None:
        return new or old
    first, last = (old, new) if new.total_tokens >= old.total_tokens else (new, old)
    return replace(
        last,
        prompt_details={**first.prompt_details, **last.prompt_details},
        completion_details={**first.completion_details, **last.completion_details},
        cost=first.cost if last.cost is None else last.cost,
    )


def of_choices(told: list[Usage]) -> Usage | None:
    """Of reports that stand in the choices: one prompt, and every choice's own completion."""
    if not told:
        return None
    largest = max(told, key=lambda usage: usage.prompt_tokens)
    return replace(largest, completion_tokens=sum(usage.completion_tokens for usage in told))


def _count(wire: Json, *names: str) -> int | None:
    """The first that is a count and not zero; some facades write both names, and one of them is always zero."""
    counts = [count for name in names if (count := integer(wire.get(name))) is not None and count <= MAX_TOKENS]
    return next((count for count in counts if count), counts[0] if counts else None)


def _is_unbelievable(wire: Json, names: tuple[str, ...]) -> bool:
    return any(wire.get(name) is not None for name in names) and _count(wire, *names) is None


def _prompt_details(wire: Json) -> dict[str, int]:
    given = _details(wire.get("prompt_tokens_details"), wire.get("input_tokens_details"))
    return _named(given, wire, CACHED, _CACHED) | _named(given, wire, CACHE_WRITES, _CACHE_WRITES)


def _completion_details(wire: Json) -> dict[str, int]:
    given = _details(wire.get("completion_tokens_details"), wire.get("output_tokens_details"))
    return _named(given, wire, REASONING, (REASONING,))


def _named(given: dict[str, int], wire: Json, name: str, others: tuple[str, ...]) -> dict[str, int]:
    """`given` with one count under one name, wherever and under whatever name it stood."""
    found = [given.pop(other) for other in others if other in given]
    found += [count for other in others if (count := _count(wire, other)) is not None]
    if found:
        given[name] = max(given.get(name, 0), *found)
    return given


def _details(*wires: Any) -> dict[str, int]:
    """Each count by its name; what is none, and what nobody could mean, is left out."""
    told = {
        name: count
        for wire in wires
        if isinstance(wire, dict)
        for name in wire
        if (count := _count(wire, name)) is not None
    }
    return {untrusted.text(name, most=MAX_NAME_CHARACTERS): told[name] for name in list(told)[:MAX_DETAILS]}


def _cost(wire: Json) -> float | None:
    """What the vendor says the call costs, in its own currency. Perplexity breaks it down."""
    for name in _COSTS:
        told = wire.get(name)
        cost = real(told.get("total_cost") if isinstance(told, dict) else told)
        if cost is not None and cost <= MAX_COST:
            return float(cost)
    return None
