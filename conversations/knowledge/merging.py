"""Merges what words and vectors say of the same passages.

Each measure says what share of a perfect match a passage has, so that both count for what they are worth. By places
alone the first passage of a list has its full vote, though all that it shares with a question in another language is a
number or a name.
"""

from collections.abc import Mapping


def merge(*measures: Mapping[int, float]) -> list[tuple[int, float]]:
    """Items with the means of their shares, the best first; at equal means in the order of the measures."""
    items = dict.fromkeys(item for shares in measures for item in shares)
    means = [(item, sum(shares.get(item, 0.0) for shares in measures) / len(measures)) for item in items]
    return sorted(means, key=lambda item: -item[1])
