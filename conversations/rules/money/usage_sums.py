"""The usage of several calls to models as one."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from providers.messages import Usage, UsedBeside

# Of a sum: as sure as its least sure part.
SOURCES: tuple[Literal["estimated", "drained", "reported"], ...] = ("estimated", "drained", "reported")


def total(usages: Sequence[Usage]) -> Usage:
    """At least one. Each call stays a call of its own: vendors charge for each by the length of its prompt."""
    if any(usage.beside for usage in usages):
        beside = tuple(used for usage in usages for used in usage.beside)
        asked = [replace(usage, beside=()) for usage in usages if not _is_beside_alone(usage)]
        return with_beside(total(asked) if asked else None, beside)
    calls = tuple(call for usage in usages for call in usage.of_calls or (usage,))
    if len(calls) == 1:
        return calls[0]
    costs = [usage.cost for usage in usages if usage.cost is not None]
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        prompt_details=_sums(usage.prompt_details for usage in usages),
        completion_details=_sums(usage.completion_details for usage in usages),
        source=next(source for source in SOURCES if any(usage.source == source for usage in usages)),
        # A part of the cost would pass for the whole.
        cost=sum(costs) if len(costs) == len(usages) else None,
        cache_write_1h_tokens=sum(usage.cache_write_1h_tokens for usage in usages),
        searches=sum(usage.searches for usage in usages),
        of_calls=calls,
    )


def _is_beside_alone(usage: Usage) -> bool:
    return bool(usage.beside) and not (usage.of_calls or usage.total_tokens)


def with_beside(usage: Usage | None, beside: tuple[UsedBeside, ...]) -> Usage:
    """The usage of calls to a model, None where there was none, and what was used besides."""
    calls = Usage(0, 0) if usage is None else usage
    return replace(calls, beside=(*beside, *calls.beside))


def _sums(details: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in details:
        found.update(one)
    return dict(found)
