"""A message's complete text as a file to download, for messages too long for a page."""

from collections.abc import Iterator

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from conversations.models import Message
from providers import serialization
from providers.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)


def download(message: Message) -> HttpResponse:
    """A response that browsers save and never render, whatever the text looks like."""
    try:
        parts = serialization.load_parts(message.parts, version=message.parts_version)
        text = "\n\n".join(piece for part in parts for piece in _pieces(part))
    except serialization.UnreadableStoredForm as exc:
        text = f"[unreadable: {exc}]"
    # A lone surrogate can be stored as JSON but not encoded as UTF-8.
    content = text.encode(errors="replace")
    return HttpResponse(
        content,
        content_type="text/plain; charset=utf-8",
        headers={
            "Content-Disposition": str(content_disposition_header(True, f"{message.public_id}.txt")),
            "X-Content-Type-Options": "nosniff",
        },
    )


def _pieces(part: Part) -> Iterator[str]:
    match part:
        case TextPart(text):
            yield text
        case ReasoningPart(text):
            yield f"[reasoning]\n{text}"
        case RefusalPart(text):
            yield f"[refusal]\n{text}"
        case ToolCallPart(call_id, name, arguments):
            yield f"[calls {name} · {call_id}]\n{arguments}"
        case ToolResultPart(call_id, parts, is_error):
            yield f"[{'error' if is_error else 'result'} of {call_id}]"
            for inner in parts:
                yield from _pieces(inner)
        case ImagePart(url=url):
            yield f"[image]\n{url}"
        case FilePart(url=url, data=data, file_id=file_id, filename=filename):
            yield f"[file {filename or ''}]\n{url or data or file_id or ''}"
        case AudioPart():
            yield f"[audio {part.format or ''}]\n{part.transcript or part.audio_id or ''}"
