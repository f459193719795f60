"""Counts the values of a JSON text before it is parsed: as objects they take far more memory than as text."""

# 20 MB of `[],` would become 400 MB of objects, in one call that nothing can interrupt. Texts and arrays of tokens need
# fewer values: OpenAI accepts 300,000 tokens in one request.
MAX_VALUES = 500_000
# Strings are removed piece by piece, to bound the memory that this takes.
PIECE_BYTES = 65_536

# Every value but the first follows one of these, which outside strings have no other use.
_MARKS = b",[{"
_QUOTE = b'"'
_KEPT = frozenset(_MARKS + _QUOTE)
_DROPPED = bytes(byte for byte in range(256) if byte not in _KEPT)


def has_too_many_values(text: bytes | bytearray, *, most: int = MAX_VALUES) -> bool:
    """Whether it holds more than `most` values, within a factor of about two. Meaningless for text that is not JSON."""
    if _count(text) <= most:
        return False
    # Some may be in strings: a string that holds CSV is full of commas.
    return _count_outside_strings(text, most) > most


def _count(text: bytes | bytearray) -> int:
    return sum(text.count(mark) for mark in _MARKS)


def _count_outside_strings(text: bytes | bytearray, most: int) -> int:
    """Stops counting once there are more than `most`."""
    # Once escaped quotes are removed, every quote begins or ends a string.
    skeleton = text.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _DROPPED)
    found, is_inside = 0, False
    for begin in range(0, len(skeleton), PIECE_BYTES):
        pieces = skeleton[begin : begin + PIECE_BYTES].split(_QUOTE)
        found += sum(len(piece) for piece in pieces[is_inside::2])
        is_inside ^= len(pieces) % 2 == 0
        if found > most:
            break
    return found
