"""An answer in one piece, in the form of the route it was asked at: `chat.completion`, `text_completion` or a list of
embeddings (docs/contract C.3, C.7)."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from conversations.dialects.openai import completions, embeddings
from conversations.dialects.openai.chat import render
from conversations.errors import ParleyError
from conversations.values.requests import Operation
from conversations.values.runs import ReplyContext, RunEnded, RunEvent
from providers.assembly import Answer
from providers.events import CallStarted


class Form(Protocol):
    def __call__(
        self, asked: ReplyContext, /, *, answers: Sequence[Answer], ended: RunEnded | None, call: CallStarted | None
    ) -> bytes: ...


FORMS: dict[Operation, Form] = {
    Operation.CHAT: render.completion,
    Operation.COMPLETION: completions.answer,
    Operation.EMBEDDING: embeddings.answer,
}


def answer(asked: ReplyContext, *, collector: render.AnswerCollector) -> bytes:
    return FORMS[asked.operation](asked, answers=collector.answers, ended=collector.ended, call=collector.call)


def replay(asked: ReplyContext, events: Iterable[RunEvent]) -> bytes | ParleyError:
    """The answer of a run that is over, or the error that its route answers instead."""
    collector = render.AnswerCollector()
    for item in events:
        collector.feed(item)
    return collector.failure() or answer(asked, collector=collector)
