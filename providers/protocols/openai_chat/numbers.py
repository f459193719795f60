"""Numbers as vendors write them: as integers, as floats, as strings, and now and then as nonsense."""

import math
from typing import Any

# No number worth reading is longer.
_CHARACTERS = 32


def integer(value: Any) -> int | None:
    """None for anything that is no number, not finite, or below zero."""
    number = real(value)
    return None if number is None else int(number)


def real(value: Any) -> float | int | None:
    """None for anything that is no number, not finite, or below zero."""
    if isinstance(value, str) and len(value) <= _CHARACTERS:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < math.inf else None
