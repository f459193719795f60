"""Server-sent events: bytes in any split go in, the `data` of complete events comes out, still as bytes.

Lines are cut on bytes, so neither a character cut in half nor U+2028 in a text can be taken for a line end.
"""

from collections.abc import Sequence

from providers.errors import UpstreamGarbled

MAX_EVENT_BYTES = 8 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class SseReader:
    """Feed it what the network gives, in order; call `close` at the end of the body for a last, unfinished event."""

    __slots__ = ("_at_start", "_skip_newline", "_tail")

    def __init__(self) -> None:
        self._tail = bytearray()
        self._skip_newline = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """Raises UpstreamGarbled when one event grows beyond MAX_EVENT_BYTES."""
        if self._skip_newline or b"\r" in chunk:
            chunk = self._with_plain_newlines(chunk)
        blocks = self._complete_blocks(chunk)
        return [data for block in blocks if (data := self._data_of(block)) is not None]

    def close(self) -> list[bytes]:
        """The last event when the body ended without its blank line; it may have been cut anywhere."""
        block, self._tail = bytes(self._tail), bytearray()
        data = self._data_of(block)
        return [] if data is None else [data]

    def _with_plain_newlines(self, chunk: bytes) -> bytes:
        """CRLF and lone CR become LF. A CR at the end is a line end at once; an LF that follows it is dropped."""
        if self._skip_newline and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._skip_newline = False
        if chunk.endswith(b"\r"):
            self._skip_newline = True
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _complete_blocks(self, chunk: bytes) -> list[bytes]:
        tail = self._tail
        if tail:
            # Only the seam and the new bytes are searched: an event in a million pieces stays linear.
            searched = len(tail) - 1
            tail += chunk
            if tail.find(b"\n\n", searched) < 0:
                return self._bounded([tail], [])
            chunk = bytes(tail)
            tail.clear()
        *blocks, rest = chunk.split(b"\n\n")
        tail += rest
        # Nothing in an ordinary chunk can be too long, so ordinary chunks are not measured piece by piece.
        return blocks if len(chunk) <= MAX_EVENT_BYTES else self._bounded([*blocks, rest], blocks)

    def _bounded(self, pieces: Sequence[bytes | bytearray], blocks: list[bytes]) -> list[bytes]:
        if any(len(piece) > MAX_EVENT_BYTES for piece in pieces):
            raise UpstreamGarbled("The model's answer holds an event of unreasonable size.")
        return blocks

    def _data_of(self, block: bytes) -> bytes | None:
        if self._at_start:
            self._at_start = False
            block = block.removeprefix(_BOM)
        if block.startswith(b"data: ") and b"\n" not in block:
            return block[6:]
        values = [value for line in block.split(b"\n") if (value := _data_value(line)) is not None]
        return b"\n".join(values) if values else None


def _data_value(line: bytes) -> bytes | None:
    """The value of a `data` line; None for comments and for `event`, `id`, `retry` and unknown fields."""
    name, _, value = line.partition(b":")
    return value.removeprefix(b" ") if name == b"data" else None
