"""An answer in one piece, in the form of the route it was asked at: `chat.completion`, `text_completion` or a list of
embeddings (docs/contract C.3, C.7)."""

from collections.abc import Sequence
from typing import Protocol

from conversations.dialects.openai import completions, embeddings
from conversations.dialects.openai.chat import render
from conversations.errors import ParleyError
from conversations.rules.runs import outcomes
from conversations.values.requests import Operation
from conversations.values.runs import ReplyContext, RunEnded, RunEvent
from providers.assembly import Answer, Assembler
from providers.events import CallStarted


class Renderer(Protocol):
    def __call__(
        self, context: ReplyContext, /, *, answers: Sequence[Answer], ended: RunEnded | None, call: CallStarted | None
    ) -> bytes: ...


RENDERERS: dict[Operation, Renderer] = {
    Operation.CHAT: render.completion,
    Operation.COMPLETION: completions.answer,
    Operation.EMBEDDING: embeddings.answer,
}


class AnswerCollector:
    """Gathers a run's events for the answer in one piece."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._ended: RunEnded | None = None
        self._assembler = Assembler()

    def feed(self, item: RunEvent) -> None:
        if isinstance(item.event, RunEnded):
            self._ended = item.event
        else:
            self._assembler.add(item.event)

    def restart(self) -> None:
        self._assembler = Assembler()

    def failure(self) -> ParleyError | None:
        """The error to answer with instead, once the run has ended."""
        return outcomes.failure(self._ended, has_text=self._assembler.has_output) if self._ended else None

    def answer(self) -> bytes:
        assembler, render_answer = self._assembler, RENDERERS[self._context.operation]
        return render_answer(self._context, answers=assembler.answers(), ended=self._ended, call=assembler.started)
