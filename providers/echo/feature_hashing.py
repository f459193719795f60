"""Vectors for texts without a model: each pair of neighbouring characters is hashed to a position in the vector.

Similar texts share many pairs, so their vectors are close: good enough to try an application. The same text always
has the same vector.
"""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import pairwise
from math import sqrt

from providers.messages import BareText

HASH_BYTES = 8


def vector(text: BareText, *, dimensions: int) -> list[float]:
    """The vector of the text, of length 1. The text may also be given as tokens."""
    sums = [0.0] * dimensions
    for feature in _features(text):
        hashed = int.from_bytes(blake2b(feature.encode(), digest_size=HASH_BYTES).digest(), "big")
        position, sign = divmod(hashed, 2)
        sums[position % dimensions] += 1.0 if sign else -1.0
    length = sqrt(sum(number * number for number in sums))
    # Features may cancel each other out. A zero vector cannot be compared with others, so another one is returned.
    return [number / length for number in sums] if length else [1.0, *sums[1:]]


def _features(text: BareText) -> Iterator[str]:
    """Pairs of neighbours; the beginning and the end of the text count as characters."""
    units = text.casefold() if isinstance(text, str) else map(str, text)
    return (f"{first}\0{second}" for first, second in pairwise(["", *units, ""]))
