"""Merges lists that rank by different measures: what counts is the place of an item in each."""

from collections.abc import Sequence

# Cormack, Clarke and Büttcher (2009): how little the first places differ.
SMOOTHING = 60


def merge(*lists: Sequence[int]) -> list[tuple[int, float]]:
    """Items with the sums of their reciprocal ranks, the best first; at equal sums in the order of the lists."""
    scores: dict[int, float] = {}
    for ranked in lists:
        for place, item in enumerate(ranked, 1):
            scores[item] = scores.get(item, 0.0) + 1 / (SMOOTHING + place)
    return sorted(scores.items(), key=lambda item: -item[1])
