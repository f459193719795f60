"""The longest end of one sequence that is the beginning of another, in linear time (Knuth, Morris and Pratt)."""

from collections.abc import Hashable, Sequence


def overlap(before: Sequence[Hashable], after: Sequence[Hashable]) -> int:
    """The length of the longest end of `before` that is also a beginning of `after`."""
    if not before or not after:
        return 0
    table = _failure_table(after)
    matched = 0
    # An overlap is at most as long as `after`, so it cannot begin earlier.
    for item in before[-len(after) :]:
        matched = _step(after, table, matched, item)
    return matched


def _failure_table(items: Sequence[Hashable]) -> list[int]:
    """For each beginning of `items`: the length of its longest end, shorter than itself, that is its beginning too."""
    table = [0]
    for item in items[1:]:
        table.append(_step(items, table, table[-1], item))
    return table


def _step(items: Sequence[Hashable], table: Sequence[int], matched: int, item: Hashable) -> int:
    """How many of the first `items` match after one more `item`, when `matched` of them did before.

    Each step back gives up matches that an earlier step made, so that all steps together are linear.
    """
    while matched and (matched == len(items) or items[matched] != item):
        matched = table[matched - 1]
    return matched + 1 if items[matched] == item else matched
