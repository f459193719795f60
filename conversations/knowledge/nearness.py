"""How near a passage is to a question, and whether the nearest is nearer than chance, or a base has nothing on it.

Similarities alone do not say that: of multilingual-e5-small, those of Chinese paragraphs and questions on something
else (0.86) are higher than those of a question and its own paragraph in another language (0.78). So the best is
compared with the others of the same question. The lower half alone says how far these lie apart: many of the upper one
may answer the question. The median is as similar as what has nothing to do with it.
"""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist, median, median_low

# Fewer say nothing of how far unrelated passages lie apart.
PASSAGES_MIN = 30


def shares(similarities: Sequence[float], others: Sequence[float]) -> list[float]:
    """How far each is from what is unrelated, 0, to what says the same, 1. `others`: of any of the passages."""
    unrelated = median_low(others or similarities or [0.0])
    # Rounded, a similarity may be a little more than 1. So may be that of passages which all say the same.
    way = 1.0 - unrelated
    return [min(1.0, max(0.0, similarity - unrelated) / way) if way > 0 else 0.0 for similarity in similarities]


def is_near(best: float, similarities: Sequence[float], *, passages: int, chance: float) -> bool:
    """`similarities`: of any of the passages, of which there are `passages`.

    `chance`: how many unrelated passages may be as near as the best, on the average.
    """
    if passages < PASSAGES_MIN or not similarities:
        return True
    middle = median(similarities)
    below = [middle - similarity for similarity in similarities if similarity < middle]
    spread = sqrt(sum(distance * distance for distance in below) / len(below)) if below else 0.0
    return best >= middle + spread * NormalDist().inv_cdf(1 - chance / passages)
