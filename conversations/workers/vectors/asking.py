"""Asks a model for the vectors of some texts, so that one which it refuses keeps no other from having its own."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from conversations.embeddings import EmbeddingFailed, EmbeddingModel, Made, Vector

# Less than an index is taken for: texts that were not asked for by then are in the next batch.
ASKING_SECONDS = 20.0
# While the model refuses all it is given, in so many batches one after the other, it is taken to be its own failure.
ATTEMPTS = 3
# What every model makes a vector of.
PROBE = "The weather is fine today."


@dataclass(slots=True)
class Asked:
    """By the places of the texts. `refusals`: short words for those that the model refuses whenever it is asked.

    `answers`: what each call has brought, with the places of its texts.
    """

    vectors: dict[int, Vector] = field(default_factory=dict)
    refusals: dict[int, str] = field(default_factory=dict)
    answers: list[tuple[range, Made]] = field(default_factory=list)

    def add(self, places: range, made: Made) -> None:
        self.answers.append((places, made))
        self.vectors.update(zip(places, made.vectors, strict=True))


def ask(model: EmbeddingModel, texts: Sequence[str], *, failures: int, priced_alone: bool = False) -> Asked:
    """What is known of the texts when it returns, which is not always all of them.

    `failures`: how many batches of the index have failed before this one. `priced_alone`: as the model has it. Raises
    EmbeddingFailed when the model fails, and when it refuses everything, unless it does so for the third time and still
    makes a vector of another text.
    """
    asked = Asked()
    of_passages = partial(model.of_passages, priced_alone=priced_alone)
    _ask_part(of_passages, texts, range(len(texts)), asked, ends_at=time.monotonic() + ASKING_SECONDS)
    if asked.refusals and not asked.vectors:
        if failures + 1 < ATTEMPTS:
            raise EmbeddingFailed(next(iter(asked.refusals.values())))
        of_passages([PROBE])
    return asked


def _ask_part(
    of_passages: Callable[[Sequence[str]], Made], texts: Sequence[str], places: range, asked: Asked, *, ends_at: float
) -> None:
    """Halves what is refused until each text that causes it is alone."""
    is_late = time.monotonic() > ends_at
    if is_late and (asked.vectors or asked.refusals):
        return
    if is_late:
        # So that every batch gets on, however slow the model is.
        places = places[:1]
    try:
        made = of_passages([texts[place] for place in places])
    except EmbeddingFailed as exc:
        if not exc.is_of_a_text:
            if asked.vectors:
                return
            raise
        if len(places) == 1:
            asked.refusals[places[0]] = exc.code
            return
        middle = len(places) // 2
        _ask_part(of_passages, texts, places[:middle], asked, ends_at=ends_at)
        _ask_part(of_passages, texts, places[middle:], asked, ends_at=ends_at)
    else:
        asked.add(places, made)
