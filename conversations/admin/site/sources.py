"""What an answer says of its sources, for reviewers."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from conversations.values.context.sources import Excerpt, Sourced
from providers import untrusted

ADDRESS_SHOWN_CHARS = 200
QUOTES_SHOWN = 3
SATISFIED = {True: "satisfied", False: "not satisfied", None: "unknown"}


@dataclass(frozen=True, slots=True)
class ShownSource:
    """`address` is text and no link: a reviewer's browser must not open what a customer gave.

    `quotes` are the first of its citations'.
    """

    number: int
    kind: str
    title: str
    address: str
    cited: int
    quotes: tuple[str, ...]


def shown(sourced: Sourced) -> list[ShownSource]:
    cited = Counter(citation.number for citation in sourced.citations)
    return [
        ShownSource(
            number=number,
            kind=source.kind.value,
            title=untrusted.one_line(source.title) or source.id,
            address=untrusted.one_line(source.url[:ADDRESS_SHOWN_CHARS]),
            cited=cited[number],
            quotes=_quotes(sourced, number),
        )
        for number, source in enumerate(sourced.sources, 1)
    ]


def remarks(sourced: Sourced) -> list[str]:
    """Numbers that no source has, why other sources were not found, and which intents the question satisfied."""
    unknown = dict.fromkeys(citation.number for citation in sourced.citations if not citation.is_known)
    steps = [f"{step}: {note}" for step, note in sorted(sourced.notes.items())]
    intents = [f"intent {match.name}: {SATISFIED[match.is_satisfied]}" for match in sourced.intents]
    return [*(f"[{number}] is no source" for number in unknown), *steps, *intents]


def as_html(sourced: Sourced) -> SafeString | None:
    """One source a line; None where there is nothing to say."""
    lines = format_html_join(mark_safe("<br>"), "{}", ((line,) for line in _lines(sourced)))
    return lines or None


def _lines(sourced: Sourced) -> Iterator[str | SafeString]:
    for source in shown(sourced):
        head = format_html("[{}] {}, {}", source.number, source.title, source.kind)
        address = format_html(" <code>{}</code>", source.address) if source.address else ""
        quotes = format_html_join("", "<br>“{}”", ((quote,) for quote in source.quotes))
        yield format_html("{}{}, cited {}×{}", head, address, source.cited, quotes)
    yield from remarks(sourced)


def _quotes(sourced: Sourced, number: int) -> tuple[str, ...]:
    """With the page, or else the first character, at which each stands in the source."""
    quotes = [citation.quote for citation in sourced.citations if citation.number == number and citation.quote]
    return tuple(dict.fromkeys(_quote(quote.excerpt) for quote in quotes))[:QUOTES_SHOWN]


def _quote(excerpt: Excerpt) -> str:
    place = f"page {excerpt.page}" if excerpt.page else f"from character {excerpt.start}"
    return f"{untrusted.visible(excerpt.text) or '(no longer kept)'} ({place})"
