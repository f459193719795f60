"""One query to a store for all who ask at about the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Batcher(Generic[Question, Answer]):
    """While the store answers one batch, the next one gathers. Belongs to one event loop.

    `ask_store` returns the answers in the order of the questions. Everybody in the batch gets the error that it raises.
    """

    def __init__(self, ask_store: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]]) -> None:
        self._ask_store = ask_store
        self._lock = asyncio.Lock()
        self._questions: list[Question] = []
        self._batch: asyncio.Task[Sequence[Answer]] | None = None

    async def ask(self, question: Question) -> Answer:
        if self._batch is None:
            self._questions = []
            self._batch = asyncio.create_task(self._ask_batch())
        position, batch = len(self._questions), self._batch
        self._questions.append(question)
        # Shielded: a caller that goes away does not cancel the batch that others wait for.
        answers = await asyncio.shield(batch)
        return answers[position]

    async def _ask_batch(self) -> Sequence[Answer]:
        async with self._lock:
            self._batch = None
            return await self._ask_store(self._questions)
