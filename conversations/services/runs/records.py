"""The JSON in a run's row: the request as it was accepted, and the answer. Both carry a version.

What a turn says is written once: where it is stored in messages, its run does not have it (ADR 38). Version 1 had it in
both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from conversations import ids
from conversations.knowledge.showing import attachments
from conversations.receipts import kept as kept_contexts
from conversations.rules.conversations import resent_history
from conversations.rules.generation import answer_forms, preset_options
from conversations.values.assistants import AnswerForm
from conversations.values.context import source_records
from conversations.values.context.receipts import KeptContext
from conversations.values.context.sources import NOT_SOURCED, ContextAsked, Sourced
from conversations.values.requests import Operation, ReferenceKind, RunRequest
from providers import serialization, tokens
from providers.assembly import Answer
from providers.events import CallStarted
from providers.messages import BareText, Message, Role

RECORD_VERSION = 2


@dataclass(frozen=True, slots=True)
class PromptInputs:
    """What a prompt is made of besides the history: the turn's new messages, and the options of preset and turn.

    `prompt` is the input of an operation other than chat. For words about a file that cannot be read: `skipped` is how
    many of the caller's messages stand before these, `links` the places of the turn's links among its references.
    `history_most` and `answer_form` are as in RunRequest.
    """

    messages: tuple[Message, ...]
    options: Mapping[str, Any]
    operation: Operation = Operation.CHAT
    prompt: tuple[BareText, ...] = ()
    context: ContextAsked | None = None
    skipped: int = 0
    links: tuple[int, ...] = ()
    history_most: int | None = None
    answer_form: AnswerForm | None = None


def dump_request(request: RunRequest) -> str:
    """Without what is empty, and without the messages of a stored turn: they are rows (`dump_new_messages`)."""
    record: dict[str, Any] = {
        "version": RECORD_VERSION,
        "operation": request.operation.value,
        "conversation_id": request.conversation_id,
    }
    if not request.is_stored:
        record["messages"] = [serialization.dump_message(message) for message in request.messages]
    if request.prompt:
        record["prompt"] = request.prompt
    if request.options:
        record["options"] = dict(request.options)
    if request.reply:
        record["reply"] = dict(request.reply)
    if request.context:
        record["context"] = source_records.dump_asked(request.context)
    if links := [at for at, given in enumerate(request.references) if given.kind is not ReferenceKind.TEXT]:
        record["links"] = links
    elif request.skipped and attachments.any_in(request.messages):
        record["skipped"] = request.skipped
    if request.history_most is not None:
        record["history_most"] = request.history_most
    if request.answer_form:
        record["answer_form"] = request.answer_form.value
    return orjson.dumps(record).decode()


def load_prompt_inputs(*, request: str, messages: str, parameters: str) -> PromptInputs:
    """Of the JSON that CLAIM returned. Raises ValueError, KeyError or TypeError when it cannot be read."""
    record = orjson.loads(request)
    return PromptInputs(
        messages=_own_messages(record, messages),
        options=preset_options.with_own(preset_options.usable(parameters), record.get("options", {})),
        operation=Operation(record.get("operation", Operation.CHAT)),
        prompt=tuple(record.get("prompt") or ()),
        context=source_records.load_asked(record["context"]) if "context" in record else None,
        skipped=record.get("skipped", 0),
        links=tuple(record.get("links", ())),
        history_most=record.get("history_most"),
        answer_form=answer_forms.of_request(record),
    )


def _own_messages(record: Mapping[str, Any], rows: str) -> tuple[Message, ...]:
    if "messages" in record:
        return tuple(serialization.load_message(message) for message in record["messages"])
    return tuple(load_message_row(*row) for row in orjson.loads(rows))


def load_message_row(role: str, name: str, parts: Any, metadata: Any) -> Message:
    """Raises ValueError when it cannot be read."""
    return Message(Role(role), serialization.load_parts(parts), name or None, metadata)


def dump_new_messages(messages: Sequence[Message]) -> str:
    """The turn's messages as the rows that START_STORED inserts, in order."""
    return orjson.dumps(
        [
            {
                "public_id": ids.new_message_id(),
                "role": message.role.value,
                "name": message.name or "",
                "parts": serialization.dump_parts(message.parts),
                "metadata": message.provider_metadata,
                "tokens": tokens.estimate_message(message),
                "digest": _bytea(resent_history.digest(message)),
            }
            for message in messages
        ]
    ).decode()


def dump_answers(
    answers: tuple[Answer, ...],
    log_shape: Sequence[Any],
    *,
    have_messages: bool,
    call: CallStarted | None = None,
    sourced: Sourced = NOT_SOURCED,
    kept: KeptContext | None = None,
    is_stored: bool = True,
    cost: Decimal = Decimal(0),
) -> dict[str, Any]:
    """`log` is how the answer was cut into events, so that a reader can resume at any of them at any later time.

    `have_messages`: `dump_answer_rows` makes messages of these answers, and their words are only there
    (`queries/answers.py`).
    """
    record: dict[str, Any] = {
        "version": RECORD_VERSION,
        "choices": [_dump_choice(answer, has_message=have_messages and bool(answer.parts)) for answer in answers],
        "log": log_shape,
    }
    if call and call.has_vendor_fields:
        record["call"] = call.provider_metadata
    if sourced:
        words = source_records.KEPT_BY_RUN if is_stored else source_records.KEPT_BY_UNSTORED_RUN
        record |= source_records.dump(sourced, is_live=False, kept=words)
    if cost:
        record["cost"] = str(cost)
    if kept:
        record[kept_contexts.NAME] = kept_contexts.dump(kept)
    return record


def _dump_choice(answer: Answer, *, has_message: bool) -> dict[str, Any]:
    """Without what is empty, except for the parts: where those are missing, a message has them and the metadata."""
    choice: dict[str, Any] = {"index": answer.choice}
    if not has_message:
        choice["parts"] = serialization.dump_parts(answer.parts)
        if answer.provider_metadata:
            choice["provider_metadata"] = answer.provider_metadata
    if answer.finish_reason:
        choice["finish_reason"] = answer.finish_reason
    if answer.logprobs:
        choice["logprobs"] = answer.logprobs
    return choice


def dump_answer_rows(answers: tuple[Answer, ...]) -> list[dict[str, Any]]:
    """The assistant messages that FINISH inserts: one for each choice that is not empty."""
    return [
        {
            "public_id": ids.new_message_id(),
            "parts": serialization.dump_parts(answer.parts),
            "metadata": answer.provider_metadata,
            "choice": answer.choice,
            "tokens": tokens.estimate_parts(answer.parts),
            "digest": _bytea(resent_history.digest(Message(Role.ASSISTANT, answer.parts))),
        }
        for answer in answers
        if answer.parts
    ]


def _bytea(value: bytes) -> str:
    """As PostgreSQL reads bytes in JSON."""
    return f"\\x{value.hex()}"
