"""What was sent upstream for a run, for reviewers: without its words, which the transcript shows."""

from collections.abc import Iterator

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from conversations.errors import ParleyError
from conversations.models import Run
from conversations.queries.receipts import ended
from conversations.queries.receipts.assemble import Asked
from conversations.values.context.receipts import PromptMessage, Receipt, ReceiptSource, ShownFile
from providers import untrusted

MESSAGES_SHOWN = 50
SOURCES_SHOWN = 50
# Of a line that shows what callers wrote.
LINE_SHOWN_CHARS = 2_000
UNREADABLE = "It cannot be read: a later release has written it, or it is damaged."


def as_html(run: Run) -> SafeString:
    """One fact a line. Where there is no receipt, why."""
    asked = Asked(MESSAGES_SHOWN)
    try:
        found = ended.of_run(account_id=run.account_id, run_id=run.public_id, asked=asked, is_operator=True)
    except ParleyError as exc:
        return format_html("{}", exc.message)
    except (ValueError, KeyError, TypeError):
        # The rest of the page is needed most for such a run.
        return format_html("{}", UNREADABLE)
    lines = ((line[:LINE_SHOWN_CHARS],) for line in _lines(found))
    # Apart, so that a name that turns the direction of writing turns its own line only.
    return format_html_join(mark_safe("<br>"), '<bdi dir="auto">{}</bdi>', lines)


def _lines(receipt: Receipt) -> Iterator[str]:
    if receipt.target:
        yield f"to {receipt.target}, window {receipt.context_window:,}"
    if receipt.preset:
        name = f"{receipt.preset.name} v{receipt.preset.version}" if receipt.preset.name else "given as text"
        yield f"preset: {name}"
    yield "estimated tokens: " + ", ".join(f"{part} {count:,}" for part, count in receipt.tokens.items() if count)
    if receipt.options:
        yield f"options: {dict(receipt.options)}"
    if receipt.tools or receipt.tools_called:
        yield f"tools: {', '.join(receipt.tools) or 'none'}; called: {', '.join(receipt.tools_called) or 'none'}"
    for step, note in sorted(receipt.notes.items()):
        yield f"{step}: {note}"
    yield f"{receipt.sent or 0} messages sent" + "".join(
        f", {count} left out ({reason})" for reason, count in receipt.trimmed.items()
    )
    if receipt.earlier:
        yield f"the last {MESSAGES_SHOWN}:"
    yield from map(_message, receipt.messages)
    yield from map(_source, receipt.sources[:SOURCES_SHOWN])
    yield from map(_file, receipt.files)


def _message(message: PromptMessage) -> str:
    place = "not sent" if message.position is None else f"#{message.position}"
    why = f", {message.trimmed.value}" if message.trimmed else ""
    return f"{place} {message.id or ''} {message.role}, {message.origin.value}, {message.tokens:,} tokens{why}"


def _source(found: ReceiptSource) -> str:
    place = "left out" if found.number is None else f"[{found.number}]"
    spans = ", ".join(f"{p.start}–{p.end} ({p.score:.2f})" for p in found.source.best_passages)
    return f"{place} {untrusted.one_line(found.source.title) or found.source.id}: {spans}"


def _file(file: ShownFile) -> str:
    how = f"source {file.source}" if file.source else file.shown.value
    return f"{file.kind} {file.name} in #{file.message}: {how}{f' ({file.reason})' if file.reason else ''}"
