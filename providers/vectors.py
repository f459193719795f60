"""Embedding vectors in their compact, exact form: base64 of packed little-endian float32, as OpenAI defined it."""

import math
import struct
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

FLOAT_BYTES = 4


def pack(numbers: Sequence[Any]) -> str:
    """Raises ValueError for an empty sequence, for what is no number, and for a number that float32 cannot hold."""
    try:
        packed = struct.pack(f"<{len(numbers)}f", *numbers)
    except (struct.error, OverflowError) as exc:
        raise ValueError("a vector holds something that is no float32") from exc
    return checked(b64encode(packed).decode("ascii"))


def unpack(data: str) -> tuple[float, ...]:
    """Raises ValueError when `data` is not the packed form of a vector."""
    packed = b64decode(data, validate=True)
    if not packed or len(packed) % FLOAT_BYTES:
        raise ValueError("a vector is empty, or cut inside a number")
    return struct.unpack(f"<{len(packed) // FLOAT_BYTES}f", packed)


def checked(data: str) -> str:
    """`data` itself. Raises ValueError when it is not the packed form of a vector, or a number is not finite."""
    # A number that is not finite makes the sum not finite; a sum of so few finite float32 numbers is always finite.
    if not math.isfinite(sum(unpack(data))):
        raise ValueError("a vector holds something that is no finite number")
    return data
