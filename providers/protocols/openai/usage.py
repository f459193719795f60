"""A vendor's token counts in one normal form, whatever names and sums it uses.

`prompt_tokens` includes cached tokens, `completion_tokens` includes reasoning, and both together are the total.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers import untrusted
from providers.messages import Usage
from providers.protocols.openai.numbers import integer, real

# No call has as many tokens or costs as much: such a number is the vendor's mistake.
MAX_TOKENS = 1_000_000_000
MAX_COST = 1_000_000_000
# More than any model makes for one answer.
MAX_SEARCHES = 1_000
MAX_DETAILS = 32
MAX_NAME_CHARACTERS = 64

_PROMPT, _COMPLETION = ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")
# Cached tokens: DeepSeek's name, Moonshot's, and that of Anthropic's facades.
_CACHED = ("prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
_CACHE_WRITES = ("cache_creation_input_tokens", "cache_write_tokens", "cache_creation_tokens")
# DeepSeek's count of the rest of its prompt.
_NOT_CACHED = "prompt_cache_miss_tokens"
# Anthropic's own counts, each beside `input_tokens`.
_BESIDE = ("cache_read_input_tokens", "cache_creation_input_tokens")
# Which writes live for how long: Anthropic's and Qwen's name, and LiteLLM's.
_BY_LIFETIME = ("cache_creation", "cache_creation_token_details")
_FIVE_MINUTES, _ONE_HOUR = "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"
# Perplexity's searches, and the sources that xAI charges for. Anthropic's are in `server_tool_use`.
_SEARCHES = ("num_search_queries", "num_sources_used", "web_search_requests")
_COSTS = ("cost", "total_cost", "estimated_cost")
CACHED, CACHE_WRITES, REASONING = "cached_tokens", "cache_write_tokens", "reasoning_tokens"

Json = Mapping[str, Any]


def read(wire: Any) -> Usage | None:
    """None for what has no counts or impossible ones: these must not pass for reported usage."""
    if not isinstance(wire, dict):
        return None
    prompt, completion, total = (_count(wire, *names) for names in (_PROMPT, _COMPLETION, ("total_tokens",)))
    if any(_is_impossible(wire, names) for names in (_PROMPT, _COMPLETION)):
        return None
    prompt_details, completion_details = _prompt_details(wire), _completion_details(wire)
    # What may have been counted beside the prompt.
    cache = prompt_details.get(CACHED, 0) + prompt_details.get(CACHE_WRITES, 0)
    if prompt is None and (rest := _count(wire, _NOT_CACHED)) is not None:
        prompt, cache = rest + prompt_details.get(CACHED, 0), 0
    if prompt is None and completion is None:
        return None
    if prompt is None:
        prompt = max(0, (total or 0) - (completion or 0))
    if completion is None:
        completion = max(0, (total or 0) - prompt)
    if total is None and _is_cache_beside(wire):
        prompt, cache = prompt + cache, 0
    prompt, completion = _including_parts(prompt, completion, total, cache, completion_details)
    writes = prompt_details.get(CACHE_WRITES, 0)
    return Usage(
        prompt,
        completion,
        prompt_details,
        completion_details,
        cost=_cost(wire),
        cache_write_1h_tokens=min(_written_for(wire, _ONE_HOUR), writes) if writes else 0,
        searches=_searches(wire),
    )


def _including_parts(
    prompt: int, completion: int, total: int | None, cache: int, completion_details: dict[str, int]
) -> tuple[int, int]:
    """Prompt and completion with the parts that the vendor counted beside them.

    xAI counts reasoning beside the completion; Gemini's facade does too, but does not name it; Anthropic's facade
    counts the cache beside the prompt. The total shows it; without one, a part larger than its whole shows it.
    """
    reasoning = completion_details.get(REASONING, 0)
    if total is None:
        return prompt + (cache if cache > prompt else 0), completion + (reasoning if reasoning > completion else 0)
    beside = total - prompt - completion
    if beside > 0 and not reasoning and beside != cache:
        completion_details[REASONING] = reasoning = beside
    if beside > 0 and beside == reasoning:
        return prompt, completion + beside
    return (prompt + beside if beside > 0 and beside == cache else prompt), completion


def _is_cache_beside(wire: Json) -> bool:
    """Whether these are Anthropic's own names, which a gateway may pass on as they are."""
    return wire.get("prompt_tokens") is None and any(name in wire for name in _BESIDE)


def larger(old: Usage | None, new: Usage | None) -> Usage | None:
    """The later of two reports on one call: the larger, as counts only grow. Details that only one has are kept.

    Anthropic reports the prompt when it begins and only the completion when it ends. So a prompt of zero says nothing,
    and each count is then taken from the report that has more.
    """
    if old is None or new is None:
        return new or old
    first, last = (old, new) if new.total_tokens >= old.total_tokens else (new, old)
    is_in_halves = not (old.prompt_tokens and new.prompt_tokens)
    return replace(
        last,
        prompt_tokens=max(old.prompt_tokens, new.prompt_tokens) if is_in_halves else last.prompt_tokens,
        completion_tokens=max(old.completion_tokens, new.completion_tokens) if is_in_halves else last.completion_tokens,
        prompt_details={**first.prompt_details, **last.prompt_details},
        completion_details={**first.completion_details, **last.completion_details},
        cost=first.cost if last.cost is None else last.cost,
        cache_write_1h_tokens=max(old.cache_write_1h_tokens, new.cache_write_1h_tokens),
        searches=max(old.searches, new.searches),
    )


def of_choices(reports: list[Usage]) -> Usage | None:
    """The usage of the call from reports of its choices: one prompt, and the completions added up."""
    if not reports:
        return None
    largest = max(reports, key=lambda usage: usage.prompt_tokens)
    return replace(largest, completion_tokens=sum(usage.completion_tokens for usage in reports))


def _count(wire: Json, *names: str) -> int | None:
    """The first count that is not zero: some facades write both names, and one of them is always zero."""
    counts = [count for name in names if (count := integer(wire.get(name))) is not None and count <= MAX_TOKENS]
    return next((count for count in counts if count), counts[0] if counts else None)


def _is_impossible(wire: Json, names: tuple[str, ...]) -> bool:
    return any(wire.get(name) is not None for name in names) and _count(wire, *names) is None


def _prompt_details(wire: Json) -> dict[str, int]:
    given = _details(wire.get("prompt_tokens_details"), wire.get("input_tokens_details"))
    named = _named(given, wire, CACHED, _CACHED) | _named(given, wire, CACHE_WRITES, _CACHE_WRITES)
    if CACHE_WRITES not in named and (written := _written_for(wire, _FIVE_MINUTES, _ONE_HOUR)):
        named[CACHE_WRITES] = written
    return named


def _written_for(wire: Json, *lifetimes: str) -> int:
    """Tokens that were written to the cache for one of these lifetimes. Qwen says it among the prompt's details."""
    for holder in (wire, wire.get("prompt_tokens_details"), wire.get("input_tokens_details")):
        for name in _BY_LIFETIME:
            if isinstance(holder, dict) and isinstance(by_lifetime := holder.get(name), dict):
                return sum(_count(by_lifetime, lifetime) or 0 for lifetime in lifetimes)
    return 0


def _searches(wire: Json) -> int:
    """Web searches that the vendor made for this answer and charges for."""
    of_tools = wire.get("server_tool_use")
    counts = [_count(holder, *_SEARCHES) or 0 for holder in (wire, of_tools) if isinstance(holder, dict)]
    searches = max(counts)
    return searches if searches <= MAX_SEARCHES else 0


def _completion_details(wire: Json) -> dict[str, int]:
    given = _details(wire.get("completion_tokens_details"), wire.get("output_tokens_details"))
    return _named(given, wire, REASONING, (REASONING,))


def _named(given: dict[str, int], wire: Json, name: str, others: tuple[str, ...]) -> dict[str, int]:
    """`given` with a count under the name `name`, whichever of the names `others` the vendor used."""
    found = [given.pop(other) for other in others if other in given]
    found += [count for other in others if (count := _count(wire, other)) is not None]
    if found:
        given[name] = max(given.get(name, 0), *found)
    return given


def _details(*wires: Any) -> dict[str, int]:
    """Each count by its name. Values that are no counts, or impossible, are left out."""
    counts = {
        name: count
        for wire in wires
        if isinstance(wire, dict)
        for name in wire
        if (count := _count(wire, name)) is not None
    }
    return {untrusted.text(name, most=MAX_NAME_CHARACTERS): counts[name] for name in list(counts)[:MAX_DETAILS]}


def _cost(wire: Json) -> float | None:
    """What the vendor says the call costs, in its own currency. Perplexity sends an object with a total."""
    for name in _COSTS:
        given = wire.get(name)
        cost = real(given.get("total_cost") if isinstance(given, dict) else given)
        if cost is not None and cost <= MAX_COST:
            return float(cost)
    return None
