"""Asking a store once for everybody who asks at about the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Batcher(Generic[Question, Answer]):
    """While the store answers some, the questions of others gather for the next round. It belongs to one event loop.

    `ask_store` returns the answers in the order of the questions. What it raises is raised to everyone of its round.
    """

    def __init__(self, ask_store: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]]) -> None:
        self._ask_store = ask_store
        self._turn = asyncio.Lock()
        self._questions: list[Question] = []
        self._round: asyncio.Task[Sequence[Answer]] | None = None

    async def ask(self, question: Question) -> Answer:
        if self._round is None:
            self._questions = []
            self._round = asyncio.create_task(self._begin_round())
        place, its_round = len(self._questions), self._round
        self._questions.append(question)
        # Whoever stops waiting leaves the others theirs.
        answers = await asyncio.shield(its_round)
        return answers[place]

    async def _begin_round(self) -> Sequence[Answer]:
        async with self._turn:
            self._round = None
            return await self._ask_store(self._questions)
