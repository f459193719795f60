"""Numbers as vendors write them: as integers, floats or strings, and sometimes as nonsense."""

import math
from typing import Any

# A longer string is no number that anybody means.
_MAX_CHARACTERS = 32


def integer(value: Any) -> int | None:
    """None for anything that is not a number, not finite, or below zero."""
    number = real(value)
    return None if number is None else int(number)


def real(value: Any) -> float | int | None:
    """None for anything that is not a number, not finite, or below zero."""
    if isinstance(value, str) and len(value) <= _MAX_CHARACTERS:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < math.inf else None
