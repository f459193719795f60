"""The JSON in a run's row: the request as it was accepted, and the answer. Both carry a version.

What a turn says is written once: where it is stored in messages, its run does not have it (ADR 38). Version 1 had it in
both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from conversations import ids
from conversations.rules.conversations import resent_history
from conversations.rules.generation import preset_options
from conversations.values.requests import Operation, RunRequest
from providers import serialization, tokens
from providers.assembly import Answer
from providers.events import CallStarted
from providers.messages import EXTRA_BODY, BareText, Message, Role

RECORD_VERSION = 2
ANSWER_LIMITS = frozenset({"max_tokens", "max_completion_tokens"})


@dataclass(frozen=True, slots=True)
class PromptInputs:
    """What a prompt is made of besides the history: the turn's new messages, and the options of preset and turn.

    `prompt` is the input of an operation other than chat.
    """

    messages: tuple[Message, ...]
    options: Mapping[str, Any]
    operation: Operation = Operation.CHAT
    prompt: tuple[BareText, ...] = ()


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
    return orjson.dumps(record).decode()


def load_prompt_inputs(*, request: str, messages: str, parameters: str) -> PromptInputs:
    """Of the JSON that CLAIM returned. Raises ValueError, KeyError or TypeError when it cannot be read."""
    record = orjson.loads(request)
    return PromptInputs(
        messages=_own_messages(record, messages),
        options=_options(preset=preset_options.usable(parameters), own=record.get("options", {})),
        operation=Operation(record.get("operation", Operation.CHAT)),
        prompt=tuple(record.get("prompt") or ()),
    )


def _own_messages(record: Mapping[str, Any], rows: str) -> tuple[Message, ...]:
    if "messages" in record:
        return tuple(serialization.load_message(message) for message in record["messages"])
    return tuple(load_message_row(*row) for row in orjson.loads(rows))


def load_message_row(role: str, name: str, parts: Any, metadata: Any) -> Message:
    """Raises ValueError when it cannot be read."""
    return Message(Role(role), serialization.load_parts(parts), name or None, metadata)


def _options(*, preset: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The turn's own options replace the preset's, also where one limit has two names."""
    limits = ANSWER_LIMITS if not ANSWER_LIMITS.isdisjoint(own) else ()
    options = {name: value for name, value in preset.items() if name not in limits} | dict(own)
    if EXTRA_BODY in preset and EXTRA_BODY in own:
        options[EXTRA_BODY] = {**preset[EXTRA_BODY], **own[EXTRA_BODY]}
    return options


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
