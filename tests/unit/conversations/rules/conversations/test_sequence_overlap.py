from hypothesis import given
from hypothesis import strategies as st

from conversations.rules.conversations.sequence_overlap import overlap

# Few different items, so that ends and beginnings meet often, and nearly.
items = st.lists(st.integers(0, 2), max_size=12)


def tried_out(before: list[int], after: list[int]) -> int:
    """By the definition: the longest first, each compared as a whole."""
    lengths = range(min(len(before), len(after)), 0, -1)
    return next((length for length in lengths if before[-length:] == after[:length]), 0)


@given(items, items)
def test_is_the_longest_end_that_is_a_beginning(before: list[int], after: list[int]) -> None:
    assert overlap(before, after) == tried_out(before, after)


@given(items, items, items)
def test_is_found_behind_and_before_anything(earlier: list[int], shared: list[int], later: list[int]) -> None:
    before, after = [*earlier, *shared], [*shared, *later]

    assert overlap(before, after) == tried_out(before, after) >= len(shared)


class Counted(int):
    """A number that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return int(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = int.__hash__


def test_compares_no_more_often_than_items_are_long() -> None:
    """The worst for the definition: every length matches up to its last item."""
    length = 2_000
    after = [Counted(0)] * length
    Counted.compared = 0

    assert overlap([0] * (length - 1) + [1], after) == 0

    assert Counted.compared <= 8 * length
