"""Which passages are shown to a model: all of what fits its window, and the best of what does not.

Room is shared fairly: first among the kinds of sources, then among the files that the caller gave. What needs less than
its share is shown whole, and leaves the rest to the others.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from conversations.values.context.sources import Passage, Source, SourceKind
from providers import tokens

# Besides the text of a passage: its page, and a gap.
OVERHEAD_TOKENS = 8
# Of a source: the lines before and after its text, without title and address.
HEAD_TOKENS = 20
# What stands before and after all sources (source_block.HEAD and END).
BLOCK_TOKENS = 100
# Of what the window has left for history and sources together, where both want more.
SOURCES_SHARE = 0.6

# A source and one of its passages, by their places.
_Place = tuple[int, int]


def fit(
    sources: Sequence[Source],
    *,
    room: int,
    history_tokens: int | None = None,
    shrink: float = 1.0,
    numbered: int = 0,
) -> tuple[Source, ...]:
    """The sources with those passages that are shown; one of which nothing fits is left out.

    `room` is what the window has for history and sources. `history_tokens`: what the history would take of it; sources
    may have all that it does not need. `shrink` below 1: they get that share of what they had at 1. The sources keep
    their order, and so do the passages of each. The first `numbered` are never left out: the model has seen their
    numbers, so they stay in their places, if need be without a passage.
    """
    share = room * SOURCES_SHARE if history_tokens is None else max(room * SOURCES_SHARE, room - history_tokens)
    total = sum(map(_cost, sources))
    budget = int(min(share - BLOCK_TOKENS, total) * shrink)
    if total <= budget:
        return tuple(source for at, source in enumerate(sources) if source.passages or at < numbered)
    chosen = _chosen(sources, budget)
    fitted = []
    for at, source in enumerate(sources):
        passages = tuple(passage for number, passage in enumerate(source.passages) if (at, number) in chosen)
        if passages or at < numbered:
            fitted.append(replace(source, passages=passages))
    return tuple(fitted)


def _chosen(sources: Sequence[Source], budget: int) -> set[_Place]:
    kinds = [[at for at, source in enumerate(sources) if source.kind is kind] for kind in SourceKind]
    chosen: set[_Place] = set()
    # The kind that needs least comes first, so that what it leaves is shared by the others.
    kinds.sort(key=lambda members: sum(_cost(sources[at]) for at in members))
    for place, members in enumerate(kinds):
        share = budget // (len(kinds) - place)
        found, cost = _of_kind(sources, members, share)
        chosen |= found
        budget -= cost
    return chosen


def _of_kind(sources: Sequence[Source], members: Collection[int], budget: int) -> tuple[set[_Place], int]:
    """Chosen passages and what they cost. Files that the caller gave are shown whole where their share allows it."""
    left, chosen = budget, set[_Place]()
    rest = sorted(members, key=lambda at: _cost(sources[at]))
    while rest and sources[rest[0]].kind is SourceKind.REFERENCE:
        cost = _cost(sources[rest[0]])
        if cost > left // len(rest):
            break
        at = rest.pop(0)
        chosen |= {(at, number) for number in range(len(sources[at].passages))}
        left -= cost
    best, cost = _best(sources, rest, left)
    return chosen | best, budget - left + cost


def _best(sources: Sequence[Source], members: Collection[int], budget: int) -> tuple[set[_Place], int]:
    """The passages that fit the question best; of equal ones the first."""
    ranked = [(-passage.score, at, number) for at in members for number, passage in enumerate(sources[at].passages)]
    ranked.sort()
    chosen: set[_Place] = set()
    begun: set[int] = set()
    left = budget
    for _, at, number in ranked:
        cost = _passage_cost(sources[at].passages[number]) + (0 if at in begun else _head_cost(sources[at]))
        if cost <= left:
            left -= cost
            begun.add(at)
            chosen.add((at, number))
    return chosen, budget - left


def _cost(source: Source) -> int:
    return _head_cost(source) + sum(map(_passage_cost, source.passages))


def _head_cost(source: Source) -> int:
    return HEAD_TOKENS + tokens.estimate_text(source.title) + tokens.estimate_text(source.url)


def _passage_cost(passage: Passage) -> int:
    return OVERHEAD_TOKENS + (passage.tokens or tokens.estimate_text(passage.text))
