"""Where one sequence ends as another begins: in linear time, by the failure table of Knuth, Morris and Pratt."""

from collections.abc import Sequence


def overlap(before: Sequence[int], after: Sequence[int]) -> int:
    """How many of the last items of `before` are the first of `after`, in the same order: the most there are."""
    if not before or not after:
        return 0
    table = _borders(after)
    matched = 0
    # Of what came earlier no overlap can begin.
    for item in before[-len(after) :]:
        matched = _step(after, table, matched, item)
    return matched


def _borders(items: Sequence[int]) -> list[int]:
    """For each beginning of `items`, how many of its last are also its first, itself excepted."""
    table = [0]
    for item in items[1:]:
        table.append(_step(items, table, table[-1], item))
    return table


def _step(items: Sequence[int], table: Sequence[int], matched: int, item: int) -> int:
    """How many items match once `item` has followed the `matched` ones. What is given back was matched before."""
    while matched and (matched == len(items) or items[matched] != item):
        matched = table[matched - 1]
    return matched + 1 if items[matched] == item else matched
