"""A message's parts as blocks of safe HTML, within a page's budget. Nothing is ever loaded from an address."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString

from conversations.admin import markdown
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

TEXT_SHOWN_CHARS = 20_000
ADDRESS_SHOWN_CHARS = 200
# A small table in Markdown can be a huge one in HTML: once a page has this much, the rest is plain text.
PAGE_HTML_CHARS = 500_000


@dataclass(frozen=True, slots=True)
class Block:
    """`kind` chooses the look: text, reasoning, refusal, tool or media. `title` is empty for plain words."""

    kind: str
    title: str
    html: SafeString
    is_cut: bool = False


class Renderer:
    """One page's: it counts what the page has had of Markdown."""

    def __init__(self) -> None:
        self._room = PAGE_HTML_CHARS

    def blocks(self, message: Message, *, is_whole: bool = False) -> list[Block]:
        try:
            parts = serialization.load_parts(message.parts, version=message.parts_version)
        except serialization.UnreadableStoredForm as exc:
            return [Block("media", "unreadable", format_html("{}", exc))]
        return [block for part in parts for block in self._part(part, None if is_whole else TEXT_SHOWN_CHARS)]

    def words(self, text: str, *, kind: str = "text", title: str = "", limit: int | None = None) -> Block:
        shown = text[:limit]
        return Block(kind, title, self._html(shown), is_cut=len(shown) < len(text))

    def _html(self, text: str) -> SafeString:
        html = markdown.render(text) if self._room > 0 else format_html("<pre>{}</pre>", text)
        self._room -= len(html)
        return html

    def _part(self, part: Part, limit: int | None) -> Iterator[Block]:
        match part:
            case TextPart(text):
                yield self.words(text, limit=limit)
            case ReasoningPart(text):
                yield self.words(text, kind="reasoning", title="reasoning", limit=limit)
            case RefusalPart(text):
                yield self.words(text, kind="refusal", title="refusal", limit=limit)
            case ToolCallPart(call_id, name, arguments):
                yield _literal(arguments, title=f"calls {name} · {call_id}", limit=limit)
            case ToolResultPart(call_id, parts, is_error):
                title = f"{'error' if is_error else 'result'} of {call_id}"
                for inner in parts:
                    yield from self._result(inner, title, limit)
            case ImagePart() | AudioPart() | FilePart():
                yield _media(part)

    def _result(self, part: Part, title: str, limit: int | None) -> Iterator[Block]:
        """What a tool answers is data: its text is shown to the letter."""
        if isinstance(part, TextPart):
            yield _literal(part.text, title=title, limit=limit)
        else:
            yield from self._part(part, limit)


def _literal(text: str, *, title: str, limit: int | None) -> Block:
    shown = text[:limit]
    return Block("tool", title, format_html("<pre>{}</pre>", shown), is_cut=len(shown) < len(text))


def _media(part: ImagePart | AudioPart | FilePart) -> Block:
    match part:
        case ImagePart(url=url):
            return Block("media", "image", _address(url))
        case FilePart(url=url, data=data, file_id=file_id, filename=filename):
            return Block("media", f"file {filename or ''}".strip(), _address(url or data or file_id or ""))
        case AudioPart():
            return Block(
                "media", f"audio {part.format or ''}".strip(), format_html("{}", part.transcript or part.audio_id or "")
            )


def _address(address: str) -> SafeString:
    """As text: a reviewer's browser must not visit what a customer names."""
    if address.startswith("data:"):
        return format_html("inline {}, {} characters", address[5:].split(",", 1)[0][:ADDRESS_SHOWN_CHARS], len(address))
    return format_html("<code>{}</code>", address[:ADDRESS_SHOWN_CHARS])
