"""How values are shown: the colour of a status, times, amounts, token usage, and unformatted text."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from conversations.models import Delivery
from conversations.values.runs import RunStatus

# Unfold's colours for labels.
RUN_STATUS_LABELS = {
    RunStatus.QUEUED.value: "info",
    RunStatus.IN_PROGRESS.value: "info",
    RunStatus.REQUIRES_ACTION.value: "warning",
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
NOTHING = "—"
TEXT_SHOWN_CHARS = 20_000
URL_SHOWN_CHARS = 60


def seconds(begin: datetime | None, end: datetime | None) -> str:
    return f"{(end - begin).total_seconds():.2f} s" if begin and end else NOTHING


def amount(value: Decimal | None) -> str:
    return NOTHING if value is None else f"{value.normalize():f} {settings.CURRENCY}"


def amount_cell(value: Decimal) -> SafeString:
    """An amount in a column: on the right, in digits of one width. Nothing where nothing changed."""
    look = "display: block; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums"
    return format_html('<span style="{}">{}</span>', look, amount(value or None))


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
    return format_html(
        '<div dir="auto" style="white-space: pre-wrap; overflow-wrap: anywhere">{}</div>', text or NOTHING
    )


def moves(stored: Sequence[Mapping[str, Any]] | None) -> SafeString | None:
    """The targets of an attempt that failed, one a line."""
    if not stored:
        return None
    lines = (
        (move["target"], move["reason"], f" ({move['status']})" if "status" in move else "", move["seconds"])
        for move in stored
    )
    return format_html_join(mark_safe("<br>"), "{}: {}{}, {} s", lines)


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
    return _link(reverse(f"admin:{route}_change", args=[pk]), text)


def run_link(pk: int | None, public_id: str | None, *, chars: int = 0) -> SafeString | str:
    """A link to a run with its id, or the end of it; its number where the run has been deleted by age."""
    if pk is None:
        return NOTHING
    if public_id is None:
        return str(pk)
    text = f"…{public_id[-chars:]}" if chars else public_id
    return format_html('<span class="whitespace-nowrap">{}</span>', link("conversations_run", pk, text))


def list_link(route: str, text: str, **filters: Any) -> SafeString:
    """A link to a list with these filters."""
    return _link(reverse(f"admin:{route}_changelist", query=filters), text)


def _link(address: str, text: str) -> SafeString:
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', address, text)
