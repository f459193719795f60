"""Server-sent events: bytes in any split go in, complete events come out, still as bytes.

Lines are cut on bytes, so neither a character cut in half nor U+2028 in a text can be taken for a line end.
"""

from collections.abc import Sequence

from providers.errors import UpstreamGarbled

# The data of an event, and its name; most have none.
SseEvent = tuple[bytes, bytes]

MAX_EVENT_BYTES = 8 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data", b"event", b"id", b"retry", b"")


class SseReader:
    """Feed it what the network gives, in order; call `close` at the end of the body for a last, unfinished event.

    As the standard says, an event without data is none. `is_blank`: nothing has come that can be seen. `has_fields`: a
    line of an event stream has.
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
        """The last event when the body ended without its blank line; it may have been cut anywhere."""
        block, self._tail = bytes(self._tail), bytearray()
        event = self._event_in(block)
        return [event] if event[0] else []

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
            self.has_fields |= field in _FIELDS if colon else _is_begun(field)
            if field == b"data":
                data.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ")
        return b"\n".join(data), name


def _is_begun(line: bytes) -> bool:
    """Whether it may be a field that was cut in its name."""
    return bool(line) and any(field.startswith(line) for field in _FIELDS)
