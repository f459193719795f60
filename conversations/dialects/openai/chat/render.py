"""The answer in one piece, `chat.completion` (docs/contract C.3)."""

from collections.abc import Sequence

import orjson

from conversations.dialects.api import sources
from conversations.dialects.openai.shared import answer_fields
from conversations.dialects.openai.shared.answer_fields import Json
from conversations.values.context.sources import NOT_SOURCED
from conversations.values.runs import ReplyContext, RunEnded, RunStatus
from conversations.values.tool_calls import required_on_wire
from providers.assembly import Answer
from providers.events import CallStarted
from providers.messages import AudioPart, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart


def completion(
    context: ReplyContext, *, answers: Sequence[Answer], ended: RunEnded | None, call: CallStarted | None = None
) -> bytes:
    is_function = bool(context.reply.get("functions"))
    status = ended.status if ended else RunStatus.COMPLETED
    head = answer_fields.head(context)
    sourced = ended.sourced if ended else NOT_SOURCED
    annotations = sources.url_annotations(sourced)
    return orjson.dumps(
        {
            **answer_fields.of_call(call),
            "id": head["id"],
            "object": "chat.completion",
            "created": head["created"],
            "model": head["model"],
            "choices": [
                _choice(
                    answer, status=status, is_function=is_function, annotations=[] if answer.choice else annotations
                )
                for answer in answers
            ],
            "usage": answer_fields.usage(ended.usage if ended else None),
            **(required_on_wire(context.run_id, ended.required) if ended and ended.required else {}),
            **sources.members(sourced),
        }
    )


def _choice(answer: Answer, *, status: RunStatus, is_function: bool, annotations: list[Json]) -> Json:
    has_tool_calls = any(isinstance(part, ToolCallPart) for part in answer.parts)
    message = _message(answer, is_function=is_function)
    if annotations:
        message["annotations"] = answer_fields.annotations(message, annotations)
    return {
        "index": answer.choice,
        "message": message,
        "logprobs": answer_fields.in_order(answer.logprobs),
        "finish_reason": answer_fields.finish_reason(
            answer.finish_reason, status=status, has_tool_calls=has_tool_calls, is_function=is_function
        ),
    }


def _message(answer: Answer, *, is_function: bool) -> Json:
    """Content is null only where something else stands instead of it."""
    message: Json = {
        **answer_fields.vendor_fields(answer.provider_metadata),
        "role": "assistant",
        "content": None,
        "refusal": None,
    }
    for part in answer.parts:
        _add(message, part, is_function=is_function)
    if message["content"] is None and not any(message.get(name) for name in _INSTEAD_OF_CONTENT):
        message["content"] = ""
    return message


_INSTEAD_OF_CONTENT = ("refusal", "audio", "tool_calls", "function_call")


def _add(message: Json, part: Part, *, is_function: bool) -> None:
    match part:
        case TextPart():
            message["content"] = part.text
        case RefusalPart():
            message["refusal"] = part.text
        case ReasoningPart():
            message.update(answer_fields.vendor_fields(part.provider_metadata))
            if part.text:
                message["reasoning_content"] = part.text
        case AudioPart():
            message["audio"] = _audio(part)
        case ToolCallPart() if is_function:
            message.setdefault("function_call", {"name": part.name, "arguments": part.arguments})
        case ToolCallPart():
            message.setdefault("tool_calls", []).append(_tool_call(part))
        case _:
            pass


def _audio(part: AudioPart) -> Json:
    """The format has all four always."""
    return {
        "id": part.audio_id or "",
        "data": part.data or "",
        "expires_at": part.expires_at or 0,
        "transcript": part.transcript or "",
    }


def _tool_call(part: ToolCallPart) -> Json:
    vendor = answer_fields.vendor_fields(part.provider_metadata)
    if vendor.get("type") == "custom":
        return {**vendor, "id": part.call_id, "custom": {"name": part.name, "input": part.arguments}}
    return {
        **vendor,
        "id": part.call_id,
        "type": "function",
        "function": {"name": part.name, "arguments": part.arguments},
    }
