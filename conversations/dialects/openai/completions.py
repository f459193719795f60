"""`/v1/completions` (docs/contract C.7), the older format: the request, the answer and the stream."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from conversations.dialects.openai import NAME
from conversations.dialects.openai.chat import options
from conversations.dialects.openai.chat.stream import ChunkStream, encoded
from conversations.dialects.openai.shared import answer_fields, request_fields, text_inputs
from conversations.dialects.openai.shared.answer_fields import Json
from conversations.rules import checks
from conversations.values.requests import Operation, RunRequest
from conversations.values.runs import ReplyContext, RunEnded, RunStatus
from providers.assembly import Answer
from providers.events import CallStarted, ChoiceFinished, TextDelta

OBJECT = "text_completion"
# Prompts times answers to each.
CHOICES_MAX = 2048
PLAIN = (
    "suffix", "echo", "best_of", "n", "logprobs", "max_tokens", "temperature", "top_p", "presence_penalty",
    "frequency_penalty", "seed", "user",
)  # fmt: skip
SHAPED = ("stop", "logit_bias")


def parse(fields: Mapping[str, Any]) -> RunRequest:
    """The turn that the checked `fields` ask for. Raises InvalidRequest, naming the place at fault."""
    model = request_fields.named_model(fields)
    prompts = text_inputs.parse(fields.get("prompt"), "prompt")
    for name in ("n", "best_of"):
        if len(prompts) * fields.get(name, 1) > CHOICES_MAX:
            checks.refuse(name, f"asks for more than {CHOICES_MAX} choices of all prompts together")
    return RunRequest(
        dialect=NAME,
        model=model,
        messages=(),
        conversation_id="",
        is_stored=False,
        options=options.chosen(fields, plain=PLAIN, shaped=SHAPED),
        operation=Operation.COMPLETION,
        prompt=prompts,
        reply={"include_usage": True} if request_fields.wants_usage(fields) else {},
    )


def answer(
    context: ReplyContext, *, answers: Sequence[Answer], ended: RunEnded | None, call: CallStarted | None = None
) -> bytes:
    status = ended.status if ended else RunStatus.COMPLETED
    head = answer_fields.head(context)
    return orjson.dumps(
        {
            **answer_fields.of_call(call),
            "id": head["id"],
            "object": OBJECT,
            "created": head["created"],
            "model": head["model"],
            "choices": [_choice(answer, status=status) for answer in answers],
            "usage": answer_fields.usage(ended.usage if ended else None),
        }
    )


def _choice(answer: Answer, *, status: RunStatus) -> Json:
    return {
        **answer_fields.vendor_fields(answer.provider_metadata),
        "text": answer.text,
        "index": answer.choice,
        "logprobs": answer_fields.in_order(answer.logprobs),
        "finish_reason": answer_fields.finish_reason(answer.finish_reason, status=status, has_tool_calls=False),
    }


class TextStream(ChunkStream):
    """Chunks of the same object as the answer in one piece, without roles."""

    object_name: ClassVar[str] = OBJECT

    def __init__(self, context: ReplyContext) -> None:
        super().__init__(context)
        self._writers = {CallStarted: self._called, TextDelta: self._text, ChoiceFinished: self._finished}

    def _text(self, event: TextDelta) -> list[bytes]:
        self._begin(event.choice, b"")
        return [self._chunk(event.choice, b'{"text":%b}' % encoded(event.text), logprobs=event.logprobs)]

    def _begin(self, choice: int, role: bytes) -> list[bytes]:
        if choice not in self._choices:
            super()._begin(choice, role)
        return []

    def _chunk(self, choice: int, delta: bytes, *, logprobs: Any = None, reason: bytes = b"null") -> bytes:
        """`delta` holds the text, or in the last chunk the vendor's facts of it."""
        said = {"text": "", **orjson.loads(delta or b"{}")} if reason != b"null" else None
        members = encoded(said)[1:-1] if said else delta[1:-1]
        return b'%b{%b,"index":%d,"logprobs":%b,"finish_reason":%b}%b' % (
            self._head, members, choice, encoded(logprobs), reason, self._tail,
        )  # fmt: skip
