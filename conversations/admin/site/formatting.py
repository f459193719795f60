"""How values are shown: the colour of a status, times, token usage, and unformatted text."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from conversations.models import Delivery
from conversations.values.runs import RunStatus

# Unfold's colours for labels.
RUN_STATUS_LABELS = {
    RunStatus.QUEUED.value: "info",
    RunStatus.IN_PROGRESS.value: "info",
    RunStatus.COMPLETED.value: "success",
    RunStatus.FAILED.value: "danger",
    RunStatus.CANCELLED.value: "warning",
    RunStatus.INCOMPLETE.value: "warning",
}
DELIVERY_STATUS_LABELS = {
    Delivery.Status.PENDING.value: "info",
    Delivery.Status.SUCCEEDED.value: "success",
    Delivery.Status.FAILED.value: "danger",
    Delivery.Status.CANCELLED.value: "warning",
}
TEXT_SHOWN_CHARS = 20_000
URL_SHOWN_CHARS = 60


def seconds(begin: datetime | None, end: datetime | None) -> str:
    return f"{(end - begin).total_seconds():.2f} s" if begin and end else "—"


def usage(stored: Mapping[str, Any] | None) -> str:
    if not stored:
        return ""
    asked, answered = stored.get("prompt_tokens", 0), stored.get("completion_tokens", 0)
    return f"{asked:,} + {answered:,} tokens, {stored.get('source', 'reported')}"


def preformatted(text: str, *, chars: int = 0) -> SafeString:
    """The text unformatted, up to TEXT_SHOWN_CHARS. `chars` is its full length, when `text` was cut already."""
    chars = chars or len(text)
    if chars > TEXT_SHOWN_CHARS:
        text = f"{text[:TEXT_SHOWN_CHARS]}…\n\nCut here: it has {chars:,} characters."
    return format_html('<div dir="auto" style="white-space: pre-wrap; overflow-wrap: anywhere">{}</div>', text or "—")


def timeline(what: str, begin: datetime, later: Mapping[str, datetime | None]) -> SafeString:
    """The first time to the second, and each later one as the seconds since then."""
    begun = format_html("{} UTC {}", f"{begin:%Y-%m-%d %H:%M:%S}", what)
    steps = [(f"{(at - begin).total_seconds():+.2f}", name) for name, at in later.items() if at]
    return begun + format_html_join("", "<br>{} s {}", steps)


def body(text: str | None) -> SafeString:
    """A webhook's JSON, indented, up to TEXT_SHOWN_CHARS. None says that it was erased."""
    if text is None:
        return preformatted("No longer kept: erased by age, or with its conversation.")
    if len(text) > TEXT_SHOWN_CHARS:
        return preformatted(text)
    return preformatted(orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode())


def shortened(url: str) -> str:
    return url if len(url) <= URL_SHOWN_CHARS else f"{url[:URL_SHOWN_CHARS]}…"


def link(route: str, pk: int, text: str) -> SafeString:
    """A link to a row's page. `route` is the app and model, such as `conversations_run`."""
    address = reverse(f"admin:{route}_change", args=[pk])
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', address, text)
