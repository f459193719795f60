"""Whether the passage that is nearest to a question is nearer than chance, or a base has nothing on it.

Similarities alone do not say that: of multilingual-e5-small, those of Chinese paragraphs and questions on something
else (0.86) are higher than those of a question and its own paragraph in another language (0.78). So the best is
compared with the others of the same question. The lower half alone says how far these lie apart: many of the upper one
may answer the question.
"""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist, median

# Fewer say nothing of how far unrelated passages lie apart.
PASSAGES_MIN = 30


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
