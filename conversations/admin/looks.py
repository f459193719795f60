"""How values look on the pages: a state's colour, a time, a usage, a text to the letter."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from conversations.turns import RunStatus

# Unfold's colours of a label.
RUN_STATUS_LABELS = {
    RunStatus.QUEUED.value: "info",
    RunStatus.IN_PROGRESS.value: "info",
    RunStatus.COMPLETED.value: "success",
    RunStatus.FAILED.value: "danger",
    RunStatus.CANCELLED.value: "warning",
    RunStatus.INCOMPLETE.value: "warning",
}


def seconds(begin: datetime | None, end: datetime | None) -> str:
    return f"{(end - begin).total_seconds():.2f} s" if begin and end else "—"


def usage(stored: Mapping[str, Any] | None) -> str:
    if not stored:
        return ""
    asked, answered = stored.get("prompt_tokens", 0), stored.get("completion_tokens", 0)
    return f"{asked:,} + {answered:,} tokens, {stored.get('source', 'reported')}"


def literal(text: str) -> SafeString:
    return format_html('<div dir="auto" style="white-space: pre-wrap; overflow-wrap: anywhere">{}</div>', text or "—")


def timeline(what: str, begin: datetime, later: Mapping[str, datetime | None]) -> SafeString:
    """The beginning to the second, and by how much each later moment came after it."""
    begun = format_html("{} UTC {}", f"{begin:%Y-%m-%d %H:%M:%S}", what)
    steps = [(f"{(at - begin).total_seconds():+.2f}", name) for name, at in later.items() if at]
    return begun + format_html_join("", "<br>{} s {}", steps)
