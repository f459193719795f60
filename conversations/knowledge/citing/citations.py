"""Which sources an answer cites, and on which of their words each citation rests."""

from collections.abc import Sequence

from conversations.knowledge.citing import marks, quotes
from conversations.knowledge.citing.quotes import Quotable
from conversations.values.context.sources import Citation, Quote, Source

# Of one answer. A comparison with a whole source takes up to four milliseconds.
CITATIONS_MAX = 200
QUOTES_MAX = 100


def find(answer: str, sources: Sequence[Source]) -> tuple[Citation, ...]:
    """The first CITATIONS_MAX numbers of the answer's marks, in order; one beyond the sources is not known.

    Only the first QUOTES_MAX are looked for in their sources.
    """
    quoting = _Quoting(answer, sources)
    found: list[Citation] = []
    for mark in marks.find(answer):
        for number in mark.numbers:
            is_known = number <= len(sources)
            quote = quoting.quote(number, mark) if is_known and len(found) < QUOTES_MAX else None
            found.append(Citation(number, mark.start, mark.end, is_known=is_known, quote=quote))
    return tuple(found[:CITATIONS_MAX])


class _Quoting:
    """Makes each cited source ready once."""

    def __init__(self, answer: str, sources: Sequence[Source]) -> None:
        self._answer = answer
        self._sources = sources
        self._ready: dict[int, Quotable] = {}

    def quote(self, number: int, mark: marks.Mark) -> Quote | None:
        if number not in self._ready:
            self._ready[number] = Quotable(self._sources[number - 1])
        return self._ready[number].quote(quotes.claim(self._answer, start=mark.start, end=mark.end))
