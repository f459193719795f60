"""`/v1/embeddings` (docs/contract C.7): the request and the vectors."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from conversations.dialects.openai import NAME
from conversations.dialects.openai.chat import options
from conversations.dialects.openai.shared import answer_fields, request_fields, text_inputs
from conversations.rules import checks
from conversations.values.requests import Operation, RunRequest
from conversations.values.runs import ReplyContext, RunEnded
from providers import vectors
from providers.assembly import Answer
from providers.events import CallStarted
from providers.messages import EmbeddingPart

# Of all vectors together, where the caller gives their length: 2,048 vectors of 4,096 numbers.
NUMBERS_MAX = 8_388_608
FLOAT, BASE64 = "float", "base64"
PLAIN = ("dimensions", "user")


def parse(fields: Mapping[str, Any]) -> RunRequest:
    """The turn that the checked `fields` ask for. Raises InvalidRequest, naming the place at fault."""
    model = request_fields.named_model(fields)
    inputs = text_inputs.parse(fields.get("input"), "input")
    if "" in inputs:
        checks.refuse("input", "must not hold an empty string")
    if len(inputs) * fields.get("dimensions", 1) > NUMBERS_MAX:
        checks.refuse("dimensions", f"asks for more than {NUMBERS_MAX} numbers for all inputs together")
    written_as = fields.get("encoding_format", FLOAT)
    if written_as not in (FLOAT, BASE64):
        checks.refuse("encoding_format", f"must be {FLOAT} or {BASE64}")
    return RunRequest(
        dialect=NAME,
        model=model,
        messages=(),
        conversation_id="",
        is_stored=False,
        options=options.chosen(fields, plain=PLAIN),
        operation=Operation.EMBEDDING,
        prompt=inputs,
        reply={"encoding_format": written_as},
    )


def answer(
    context: ReplyContext, *, answers: Sequence[Answer], ended: RunEnded | None, call: CallStarted | None = None
) -> bytes:
    """Vector by vector: all numbers at once would take ten times the memory of the answer."""
    used = ended.usage.prompt_tokens if ended and ended.usage else 0
    data = b",".join(_embedding(answer, is_packed=context.reply.get("encoding_format") == BASE64) for answer in answers)
    usage = {"prompt_tokens": used, "total_tokens": used}
    head = orjson.dumps({**answer_fields.of_call(call), "object": "list"}).removesuffix(b"}")
    return b'%b,"data":[%b],"model":%b,"usage":%b}' % (
        head,
        data,
        orjson.dumps(context.model),
        orjson.dumps(usage),
    )


def _embedding(answer: Answer, *, is_packed: bool) -> bytes:
    packed = next((part.data for part in answer.parts if isinstance(part, EmbeddingPart)), "")
    made = packed if is_packed else vectors.unpack(packed)
    return orjson.dumps({"object": "embedding", "index": answer.choice, "embedding": made})
