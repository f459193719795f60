"""How well a passage fits a question, by their words: BM25."""

from collections.abc import Sequence
from math import log1p

from conversations.knowledge import terms

# The usual values. Others change what is found first by less than one question in a hundred (`make bench`).
K1 = 1.2
B = 0.75


def rarity(*, containing: int, passages: int) -> float:
    """The weight of a word that so many of the passages contain; never below 0."""
    return log1p((passages - containing + 0.5) / (containing + 0.5))


def frequency_weight(occurrences: int, *, length: int, average: float) -> float:
    """How much the occurrences of a word count in a passage of `length` words: below 1 + K1, however many they are."""
    return occurrences * (K1 + 1) / (occurrences + K1 * (1 - B + B * length / (average or 1.0)))


def score(occurrences: Sequence[int], rarities: Sequence[float], *, length: int, average: float) -> float:
    """The sum over the words of a question, whose rarities stand in the same order."""
    return sum(
        weight * frequency_weight(found, length=length, average=average)
        for found, weight in zip(occurrences, rarities, strict=True)
        if found
    )


def rank(question: str, passages: Sequence[str], *, lengths: Sequence[int] | None = None) -> list[float]:
    """The score of each passage, where these passages are all there are. `lengths`: in words, where they are known."""
    wanted = list(terms.asked(question))
    occurrences = terms.Occurrences(wanted)
    found = [occurrences.of(passage) for passage in passages]
    lengths = [terms.length(passage) for passage in passages] if lengths is None else lengths
    average = sum(lengths) / max(1, len(lengths))
    containing = [sum(1 for row in found if row[at]) for at in range(len(wanted))]
    rarities = [rarity(containing=number, passages=len(passages)) for number in containing]
    return [score(row, rarities, length=length, average=average) for row, length in zip(found, lengths, strict=True)]
