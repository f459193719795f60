"""What every embedding model has, wherever it runs."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Protocol, Self

from providers.messages import UsedBeside

MAX_DIMENSIONS = 16_000


class EmbeddingFailed(Exception):
    """The model made no vectors. `code` is a short word for logs and for who owns the base.

    `is_of_a_text`: it may be because of one of the texts, and go well without that one.
    """

    def __init__(self, code: str, *, is_of_a_text: bool = False) -> None:
        self.code = code
        self.is_of_a_text = is_of_a_text
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Vector:
    """Of length 1, packed as little-endian float32: the similarity of two is the sum of their products."""

    packed: bytes

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Self:
        """Raises EmbeddingFailed for what has no direction."""
        length = sqrt(sum(number * number for number in numbers))
        if not numbers or len(numbers) > MAX_DIMENSIONS or not isfinite(length) or not length:
            raise EmbeddingFailed("no_vector", is_of_a_text=True)
        return cls(struct.pack(f"<{len(numbers)}f", *(number / length for number in numbers)))

    @property
    def dimensions(self) -> int:
        return len(self.packed) // 4

    @property
    def text(self) -> str:
        """As pgvector reads it."""
        return "[" + ",".join(map(str, struct.unpack(f"<{self.dimensions}f", self.packed))) + "]"


@dataclass(frozen=True, slots=True)
class Made:
    """`used` of a vendor, `is_estimated` where it does not say itself. None: nobody wants money for it."""

    vectors: list[Vector]
    used: UsedBeside | None = None
    is_estimated: bool = False


class EmbeddingModel(Protocol):
    """`batch`: how many passages it is given at once. `priced_alone`: a target without a price is not asked.

    `chance`: how many unrelated passages may be as near to a question as the nearest one for that to be a match
    (`knowledge/nearness.py`). None where nobody has measured it: then there is always a match.
    """

    batch: int

    @property
    def chance(self) -> float | None: ...

    def warm(self) -> None:
        """Makes ready for questions."""

    def of_passages(self, texts: Sequence[str], *, priced_alone: bool = False) -> Made:
        """One vector for each. Raises EmbeddingFailed."""

    def of_question(self, text: str, *, priced_alone: bool = False) -> Made:
        """One vector. Raises EmbeddingFailed."""
