"""Vectors for texts without any model: each pair of neighbouring characters is hashed to a place.

Texts alike share many pairs, so their vectors lie close: good enough to try an application on. The same text has the
same vector for ever.
"""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import pairwise
from math import sqrt

from providers.messages import BareText

HASH_BYTES = 8


def vector(text: BareText, *, dimensions: int) -> list[float]:
    """Of length 1. The text may also come as tokens."""
    sums = [0.0] * dimensions
    for feature in _features(text):
        hashed = int.from_bytes(blake2b(feature.encode(), digest_size=HASH_BYTES).digest(), "big")
        place, sign = divmod(hashed, 2)
        sums[place % dimensions] += 1.0 if sign else -1.0
    length = sqrt(sum(number * number for number in sums))
    # Features may cancel each other out; a vector without direction would be of no use to anybody.
    return [number / length for number in sums] if length else [1.0, *sums[1:]]


def _features(text: BareText) -> Iterator[str]:
    """Pairs, with the ends of the text as characters of their own."""
    units = text.casefold() if isinstance(text, str) else map(str, text)
    return (f"{first}\0{second}" for first, second in pairwise(["", *units, ""]))
