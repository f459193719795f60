"""A canonical request as the JSON body of `POST /chat/completions`.

Nothing is added that the caller did not send, except what streaming needs: `stream` and `stream_options`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from providers.catalog import Target
from providers.messages import (
    EXTRA_BODY,
    OPENAI_FORMAT,
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    Metadata,
    Part,
    ReasoningPart,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.protocols.openai.quirks import Quirk

PATH = "/chat/completions"

Json = dict[str, Any]


def dump(request: ChatRequest, target: Target) -> bytes:
    return orjson.dumps(body(request, target))


def body(request: ChatRequest, target: Target) -> Json:
    """Neither an option nor a field of EXTRA_BODY replaces what is set here."""
    messages = [wire for message in request.messages for wire in _messages(message, target)]
    options = streaming_options(request.options, target)
    if Quirk.ONLY_MAX_COMPLETION_TOKENS in target.quirks and "max_tokens" in options:
        options.setdefault("max_completion_tokens", options.pop("max_tokens"))
    out = {**options, "model": target.model, "messages": messages}
    extra: Mapping[str, Any] = request.options.get(EXTRA_BODY) or {}
    return out | {name: value for name, value in extra.items() if name not in out}


def streaming_options(options: Mapping[str, Any], target: Target) -> Json:
    """The options of the model's public name, then the caller's, which win, then those of streaming."""
    out = {**target.options, **options, "stream": True}
    out.pop(EXTRA_BODY, None)
    if Quirk.NO_STREAM_USAGE in target.quirks:
        out.pop("stream_options", None)
    else:
        out["stream_options"] = {**(out.get("stream_options") or {}), "include_usage": True}
    if Quirk.ONLY_MAX_TOKENS in target.quirks and "max_completion_tokens" in out:
        out["max_tokens"] = out.pop("max_completion_tokens")
    return out


def _messages(message: Message, target: Target) -> Iterator[Json]:
    """One wire message for each tool result, and one for the rest of the message."""
    if (text := _plain_text(message)) is not None:
        yield {"role": _role(message.role, target), "content": text}
        return
    results = [part for part in message.parts if isinstance(part, ToolResultPart)]
    for result in results:
        yield _tool_result(result, target)
    if not results or len(results) < len(message.parts):
        yield _message(message, target)


def _plain_text(message: Message) -> str | None:
    """The text of a message that is a single plain text, else None. A shortcut: a history has thousands of them."""
    if message.name is None and not message.provider_metadata and len(message.parts) == 1:
        (part,) = message.parts
        if isinstance(part, TextPart) and not part.provider_metadata:
            return part.text
    return None


def _tool_result(part: ToolResultPart, target: Target) -> Json:
    """The format has no field for `is_error`, so it is not sent."""
    content = _content(part.parts, target)
    return {
        **_own(part.provider_metadata, target),
        "role": "tool",
        "tool_call_id": part.call_id,
        "content": "" if content is None else content,
    }


def _message(message: Message, target: Target) -> Json:
    extras = _assistant_fields(message.parts, target)
    earlier_audio = [part for part in message.parts if isinstance(part, AudioPart) and part.audio_id]
    content = _content([part for part in message.parts if _is_content(part)], target)
    out = {**_own(message.provider_metadata, target), "role": _role(message.role, target)}
    # Content may be null only beside tool calls, a refusal or audio; elsewhere vendors require a string.
    out["content"] = "" if content is None and not extras and not earlier_audio else content
    if message.name is not None:
        out["name"] = message.name
    if earlier_audio:
        out["audio"] = {"id": earlier_audio[-1].audio_id}
    return out | extras


def _is_content(part: Part) -> bool:
    """Whether the part goes into `content`. Of an earlier spoken answer only the id is sent."""
    if isinstance(part, AudioPart):
        return not part.audio_id
    return isinstance(part, TextPart | ImagePart | FilePart)


def _role(role: Role, target: Target) -> str:
    if role is Role.DEVELOPER and Quirk.NO_DEVELOPER_ROLE in target.quirks:
        return Role.SYSTEM
    return role


def _content(parts: Sequence[Part], target: Target) -> str | list[Json] | None:
    """A single plain text is sent as a string, because not every vendor takes lists."""
    if not parts:
        return None
    wire = [_part(part, target) for part in parts]
    if len(wire) == 1 and wire[0].keys() == {"type", "text"} and isinstance(parts[0], TextPart):
        return parts[0].text
    return wire


def _part(part: Part, target: Target) -> Json:
    own = _own(part.provider_metadata, target)
    match part:
        case TextPart():
            return {**own, "type": "text", "text": part.text}
        case ImagePart():
            detail = {"detail": part.detail} if part.detail else {}
            return {**own, "type": "image_url", "image_url": {"url": part.url, **detail}}
        case AudioPart():
            return {**own, "type": "input_audio", "input_audio": _given(data=part.data, format=part.format)}
        case FilePart():
            file = _given(file_id=part.file_id, filename=part.filename, file_data=part.data, file_url=part.url)
            return {**own, "type": "file", "file": file}
        case _:
            raise TypeError(f"{type(part).__name__} is no content of a message")


def _assistant_fields(parts: Sequence[Part], target: Target) -> Json:
    out: Json = {}
    # The texts of each field, joined once at the end: appending to a string copies all of it each time.
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for part in parts:
        match part:
            case ReasoningPart():
                _add_reasoning(out, texts, part, target)
            case RefusalPart():
                texts["refusal"].append(part.text)
            case ToolCallPart():
                out.setdefault("tool_calls", []).append(_tool_call(part, target))
            case _:
                pass
    return out | {name: "".join(pieces) for name, pieces in texts.items()}


def _add_reasoning(out: Json, texts: defaultdict[str, list[str]], part: ReasoningPart, target: Target) -> None:
    """Reasoning of a vendor goes back to that vendor alone, under its own field. A caller's goes to every vendor."""
    if part.provider_metadata and not part.provider_metadata.keys() & {target.vendor, OPENAI_FORMAT}:
        return
    own = _own(part.provider_metadata, target)
    name = own.pop("field", "reasoning_content")
    out.update(own)
    if part.text:
        texts[name].append(part.text)


def _tool_call(part: ToolCallPart, target: Target) -> Json:
    own = _own(part.provider_metadata, target)
    if own.get("type") == "custom":
        return {**own, "id": part.call_id, "custom": {"name": part.name, "input": part.arguments}}
    function = {"name": part.name, "arguments": part.arguments}
    return {**own, "id": part.call_id, "type": "function", "function": function}


def _own(metadata: Metadata | None, target: Target) -> Json:
    """The opaque fields of this vendor and of the format itself. Callers let their own fields override these."""
    if not metadata:
        return {}
    return {**(metadata.get(OPENAI_FORMAT) or {}), **(metadata.get(target.vendor) or {})}


def _given(**fields: str | None) -> Json:
    return {name: value for name, value in fields.items() if value is not None}
