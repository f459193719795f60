"""Why a document could not be read."""

from typing import Literal

Reason = Literal[
    "empty",
    "unsupported",
    "damaged",
    "encrypted",
    "no_text",
    "too_long",
    "too_many_pages",
    "too_large",
    "too_slow",
    "busy",
    "interrupted",
]
# Says nothing about the document: the same one may be read a moment later.
RETRYABLE: frozenset[Reason] = frozenset({"busy", "interrupted"})


class Unreadable(Exception):
    """`message` is a sentence for customers. It names no document, so that callers can put the name before it."""

    def __init__(self, message: str, *, reason: Reason) -> None:
        super().__init__(message)
        self.message = message
        self.reason: Reason = reason

    @property
    def retryable(self) -> bool:
        return self.reason in RETRYABLE
