"""What is said of one setting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """`kind` is int, float, bool, str or list; numbers are checked against `minimum` and `maximum`."""

    name: str
    kind: type
    default: Any
    help: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    check: Callable[[str], str] | None = None
