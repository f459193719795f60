"""How far the vectors of a base or of a document are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VectorCounts:
    """`refused`: passages that the model makes none for, so that searches know their words alone.

    `error`: a short word, why passages have none at the moment; "" while nothing is wrong. It is that of the last batch
    of the base, and of a document with refused passages why one of these was.
    """

    passages: int
    made: int
    refused: int
    error: str
