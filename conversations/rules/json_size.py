"""How many values a JSON text holds, told before it is read: as objects they take far more memory than as text."""

# 20 MB of `[],` would become 400 MB of objects, all in one go that nothing interrupts. Texts and arrays of tokens
# need fewer: OpenAI takes 300,000 tokens in one request.
MAX_VALUES = 500_000
# Strings are looked for in pieces of this size, for the sake of the memory that takes.
PIECE_BYTES = 65_536

# Every value but the first is behind one of these; outside strings they are nothing else.
_MARKS = b",[{"
_QUOTE = b'"'
_KEPT = frozenset(_MARKS + _QUOTE)
_DROPPED = bytes(byte for byte in range(256) if byte not in _KEPT)


def has_too_many_values(text: bytes | bytearray, *, most: int = MAX_VALUES) -> bool:
    """Whether it holds more than `most` values, give or take half. What is no JSON may be told either way."""
    if _count(text) <= most:
        return False
    # CSV in a string is full of commas.
    return _count_outside_strings(text, most) > most


def _count(text: bytes | bytearray) -> int:
    return sum(text.count(mark) for mark in _MARKS)


def _count_outside_strings(text: bytes | bytearray, most: int) -> int:
    """Counts no further than past `most`."""
    # Without escaped quotes, every quote that is left begins a string or ends one.
    skeleton = text.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _DROPPED)
    found, is_inside = 0, False
    for begin in range(0, len(skeleton), PIECE_BYTES):
        pieces = skeleton[begin : begin + PIECE_BYTES].split(_QUOTE)
        found += sum(len(piece) for piece in pieces[is_inside::2])
        is_inside ^= len(pieces) % 2 == 0
        if found > most:
            break
    return found
