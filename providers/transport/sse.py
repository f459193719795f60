"""Server-sent events: chunks of bytes, split anywhere, to complete events, still as bytes.

Lines are split on bytes, so a character that is cut in half, or U+2028 in a text, is never taken for a line end.
"""

from collections.abc import Sequence

from providers.errors import UpstreamGarbled

# The data of an event, and its name, which is mostly empty.
SseEvent = tuple[bytes, bytes]

MAX_EVENT_BYTES = 8 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data", b"event", b"id", b"retry", b"")


class SseReader:
    """Feed it the chunks in order; call `close` at the end of the body for a last, unfinished event.

    By the standard, an event without data is ignored. `is_blank`: only white space has come so far. `has_fields`: a
    line came that belongs to an event stream.
    """

    __slots__ = ("_at_start", "_skip_newline", "_tail", "has_fields", "is_blank")

    def __init__(self) -> None:
        self._tail = bytearray()
        self._skip_newline = False
        self._at_start = True
        self.is_blank = True
        self.has_fields = False

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Raises UpstreamGarbled when one event grows beyond MAX_EVENT_BYTES."""
        if self._skip_newline or b"\r" in chunk:
            chunk = self._with_plain_newlines(chunk)
        blocks = self._complete_blocks(chunk)
        return [event for block in blocks if (event := self._event_in(block))[0]]

    def close(self) -> list[SseEvent]:
        """The last event of a body that ended without a blank line. It may be incomplete."""
        block, self._tail = bytes(self._tail), bytearray()
        event = self._event_in(block)
        return [event] if event[0] else []

    def _with_plain_newlines(self, chunk: bytes) -> bytes:
        """CRLF and lone CR become LF. A CR at the end of a chunk counts at once; an LF after it is dropped."""
        if self._skip_newline and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._skip_newline = False
        if chunk.endswith(b"\r"):
            self._skip_newline = True
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _complete_blocks(self, chunk: bytes) -> list[bytes]:
        tail = self._tail
        if tail:
            # Only the last old byte and the new bytes are searched, so that many small chunks take linear time.
            searched = len(tail) - 1
            tail += chunk
            if tail.find(b"\n\n", searched) < 0:
                return self._bounded([tail], [])
            chunk = bytes(tail)
            tail.clear()
        *blocks, rest = chunk.split(b"\n\n")
        tail += rest
        # No piece of a chunk that is short enough is too long, so ordinary chunks need no check of each piece.
        return blocks if len(chunk) <= MAX_EVENT_BYTES else self._bounded([*blocks, rest], blocks)

    def _bounded(self, pieces: Sequence[bytes | bytearray], blocks: list[bytes]) -> list[bytes]:
        if any(len(piece) > MAX_EVENT_BYTES for piece in pieces):
            raise UpstreamGarbled("The model's answer holds an event of unreasonable size.")
        return blocks

    def _event_in(self, block: bytes) -> SseEvent:
        if self._at_start:
            self._at_start = False
            block = block.removeprefix(_BOM)
        if block.startswith(b"data: ") and b"\n" not in block:
            self.has_fields = True
            return block[6:], b""
        self.is_blank = self.is_blank and not block.strip()
        data, name = [], b""
        for line in block.split(b"\n"):
            field, colon, value = line.partition(b":")
            self.has_fields |= field in _FIELDS if colon else _is_field_prefix(field)
            if field == b"data":
                data.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ")
        return b"\n".join(data), name


def _is_field_prefix(line: bytes) -> bool:
    """Whether the line may be the beginning of a field's name."""
    return bool(line) and any(field.startswith(line) for field in _FIELDS)
