"""What a document says, and its form between the process that read it and the one that asked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, get_args

from conversations.extraction.errors import Reason, Unreadable
from providers import untrusted

# A million tokens of English, the largest context window there is, and five of the longest novels. A longer text is
# refused rather than cut: nobody would learn that its end is never found.
MAX_CHARACTERS = 4_000_000
MAX_TITLE_CHARACTERS = 300
MAX_PAGES = 10_000
# UTF-8 has at most four bytes a character; the rest is for the title and where the pages begin.
MAX_ANSWER_BYTES = 4 * MAX_CHARACTERS + 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """`page_starts` are offsets in `text`, in characters, one a page; empty for a document that has no pages.

    `media_type` is what the document was found to be, not what it was declared as. An image has no text.
    """

    text: str
    title: str = ""
    page_starts: tuple[int, ...] = ()
    media_type: str


def write(outcome: Extracted | Unreadable) -> bytes:
    """A line of JSON, then the text."""
    if isinstance(outcome, Unreadable):
        return json.dumps({"reason": outcome.reason, "message": outcome.message}).encode() + b"\n"
    head = {"title": outcome.title, "media_type": outcome.media_type, "page_starts": outcome.page_starts}
    return json.dumps(head).encode() + b"\n" + outcome.text.encode()


def read(answer: bytes) -> Extracted | Unreadable:
    """With texts that can be stored.

    Raises ValueError for what `write` does not write: a document may have taken over the process that read it.
    """
    line, _, rest = answer.partition(b"\n")
    match untrusted.loads(line):
        case {"reason": reason, "message": str(message)} if reason in get_args(Reason):
            return Unreadable(_clean(message), reason=reason)
        case {"title": str(title), "media_type": str(media_type), "page_starts": list(starts)}:
            text = _clean(rest.decode())
            return Extracted(
                text=text,
                title=_clean(title[:MAX_TITLE_CHARACTERS]),
                page_starts=_offsets(starts, text),
                media_type=_clean(media_type),
            )
    raise ValueError("not an answer")


def _clean(text: str) -> str:
    if untrusted.text(text) != text:
        raise ValueError("not a text that can be stored")
    return text


def _offsets(starts: Sequence[Any], text: str) -> tuple[int, ...]:
    if not all(type(start) is int for start in starts):
        raise ValueError("not numbers")
    if starts and not (starts[0] >= 0 and starts[-1] <= len(text) and all(a <= b for a, b in pairwise(starts))):
        raise ValueError("not where pages begin in the text")
    return tuple(starts)
