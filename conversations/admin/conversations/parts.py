"""A message's parts as blocks of safe HTML, within a page's budget. Nothing is ever loaded from an address."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from django.utils.html import format_html
from django.utils.safestring import SafeString

from conversations.admin.conversations import markdown
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

# The text shown of a part, and of a part of the expanded message. Longer ones can be downloaded.
TEXT_SHOWN_CHARS = 20_000
EXPANDED_TEXT_SHOWN_CHARS = 100_000
# The parts shown of a message: one of 20 MB can have half a million.
PARTS_SHOWN = 100
ADDRESS_SHOWN_CHARS = 200
TITLE_SHOWN_CHARS = 200
# The HTML of a page. Beyond this, text is shown unformatted: a small Markdown table can be a huge one in HTML.
PAGE_HTML_CHARS = 250_000
# The text of a page, formatted or not. Beyond this, a part is shown by its title only.
PAGE_TEXT_CHARS = 1_000_000


@dataclass(frozen=True, slots=True)
class Block:
    """`kind` selects the style: text, reasoning, refusal, tool or media. `title` is empty for plain text."""

    kind: str
    title: str
    html: SafeString
    is_cut: bool = False


class Renderer:
    """Renders the parts of one page, and counts how much HTML and text the page has."""

    def __init__(self) -> None:
        self._html_budget = PAGE_HTML_CHARS
        self._text_budget = PAGE_TEXT_CHARS

    def blocks(self, message: Message, *, is_expanded: bool = False) -> list[Block]:
        """A message's parts. More is shown of the expanded message than of the others."""
        try:
            parts = serialization.load_parts(message.parts, version=message.parts_version)
        except serialization.UnreadableStoredForm as exc:
            return [Block("media", "unreadable", format_html("{}", exc))]
        limit = EXPANDED_TEXT_SHOWN_CHARS if is_expanded else TEXT_SHOWN_CHARS
        found = (block for part in parts for block in self._part(part, limit))
        shown = list(islice(found, PARTS_SHOWN))
        if next(found, None):
            shown[-1] = replace(shown[-1], is_cut=True)
        return shown

    def text(self, text: str, *, limit: int, kind: str = "text", title: str = "") -> Block:
        shown = self._take(text, limit)
        return Block(kind, title, self._html(shown), is_cut=len(shown) < len(text))

    def _take(self, text: str, limit: int) -> str:
        shown = text[: min(limit, self._text_budget)]
        self._text_budget -= len(shown)
        return shown

    def _html(self, text: str) -> SafeString:
        html = markdown.render(text) if self._html_budget > 0 else format_html("<pre>{}</pre>", text)
        self._html_budget -= len(html)
        return html

    def _part(self, part: Part, limit: int) -> Iterator[Block]:
        match part:
            case TextPart(text):
                yield self.text(text, limit=limit)
            case ReasoningPart(text):
                yield self.text(text, kind="reasoning", title="reasoning", limit=limit)
            case RefusalPart(text):
                yield self.text(text, kind="refusal", title="refusal", limit=limit)
            case ToolCallPart(call_id, name, arguments):
                yield self._preformatted(arguments, title=f"calls {name} · {call_id}", limit=limit)
            case ToolResultPart(call_id, parts, is_error):
                title = f"{'error' if is_error else 'result'} of {call_id}"
                for inner in parts:
                    yield from self._result(inner, title, limit)
            case ImagePart() | AudioPart() | FilePart():
                yield _media(part)

    def _result(self, part: Part, title: str, limit: int) -> Iterator[Block]:
        """The text of a tool's result is data, so it is shown unformatted."""
        if isinstance(part, TextPart):
            yield self._preformatted(part.text, title=title, limit=limit)
        else:
            yield from self._part(part, limit)

    def _preformatted(self, text: str, *, title: str, limit: int) -> Block:
        shown = self._take(text, limit)
        return Block("tool", _short(title), format_html("<pre>{}</pre>", shown), is_cut=len(shown) < len(text))


def _media(part: ImagePart | AudioPart | FilePart) -> Block:
    match part:
        case ImagePart(url=url):
            return Block("media", "image", _address(url))
        case FilePart(url=url, data=data, file_id=file_id, filename=filename):
            return Block("media", _short(f"file {filename or ''}"), _address(url or data or file_id or ""))
        case AudioPart():
            text = part.transcript or part.audio_id or ""
            title = _short(f"audio {part.format or ''}")
            html = format_html("{}", text[:TEXT_SHOWN_CHARS])
            return Block("media", title, html, is_cut=len(text) > TEXT_SHOWN_CHARS)


def _short(title: str) -> str:
    """Bounded: titles hold names that come from customers and vendors."""
    return title[:TITLE_SHOWN_CHARS].strip()


def _address(address: str) -> SafeString:
    """As text and not as a link or image: a reviewer's browser must not open an address that a customer gave."""
    if address.startswith("data:"):
        return format_html("inline {}, {} characters", address[5:].split(",", 1)[0][:ADDRESS_SHOWN_CHARS], len(address))
    return format_html("<code>{}</code>", address[:ADDRESS_SHOWN_CHARS])
