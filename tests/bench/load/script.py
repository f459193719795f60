"""The agreement of load generator and upstream: how a question requests an answer, and what the answer contains."""

import re
import time
from dataclasses import dataclass
from typing import Self

PIECE_CHARS = 16
FILLER = "Please compare the two plans, say which one is cheaper over five years, and name the assumption that matters."
_ORDER = re.compile(r"#(\S+) chunks=(\d+) per_second=([\d.]+) held=([01])\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """An answer of `chunks`, all at once or paced. A held answer sends its first chunk and waits for SIGUSR1.

    The first chunk contains the nonce of the question and the number of messages in the request. In a paced answer each
    later chunk is the time at which it was sent, on the monotonic clock that all processes share.
    """

    chunks: int = 20
    per_second: float = 0.0
    is_held: bool = False

    def question(self, nonce: str) -> str:
        return f"#{nonce} chunks={self.chunks} per_second={self.per_second} held={self.is_held:d}\n{FILLER}"

    @classmethod
    def read(cls, question: str) -> tuple[str, Self]:
        """Nonce and script of a question. Raises ValueError for a question that no script made."""
        if not (found := _ORDER.match(question)):
            raise ValueError(f"no order in {question[:80]!r}")
        nonce, chunks, per_second, held = found.groups()
        return nonce, cls(chunks=int(chunks), per_second=float(per_second), is_held=held == "1")

    def text_after_opening(self) -> str:
        """The text after the first chunk of an answer that is not paced."""
        return "".join(piece(number) for number in range(1, self.chunks))

    def check(self, text: str, *, nonce: str, messages: int) -> None:
        """Raises ValueError when `text` is not the complete answer to that question with that many messages."""
        begin = opening(nonce, messages=messages)
        rest = text.removeprefix(begin)
        is_right = (
            len(rest) == (self.chunks - 1) * PIECE_CHARS if self.per_second else rest == self.text_after_opening()
        )
        if not text.startswith(begin) or not is_right:
            raise ValueError(f"asked {nonce} with {messages} messages for {self.chunks} chunks, got {text[:200]!r}")
        if self.per_second and (sent := stamps(rest)) != sorted(sent):
            raise ValueError(f"the chunks of {nonce} came out of order")


def opening(nonce: str, *, messages: int) -> str:
    return f"{messages} messages, {nonce}: "


def piece(number: int) -> str:
    return f"this is word {number:02d} "[:PIECE_CHARS].ljust(PIECE_CHARS)


def stamp() -> str:
    return f"{time.monotonic_ns() // 1000:015d} "


def stamps(text: str) -> list[float]:
    """The times in seconds in a text that begins with a complete stamp."""
    return [int(text[at : at + PIECE_CHARS - 1]) / 1e6 for at in range(0, len(text), PIECE_CHARS)]
