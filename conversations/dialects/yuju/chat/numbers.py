"""`temperature` and `max_tokens`: texts in the documents, numbers at many callers (docs/contract D.2)."""

import re
from typing import Any

from conversations.rules import checks
from conversations.rules.generation import plain_options

# Digits of ASCII alone: `float` also reads those of other scripts, underscores, and "nan".
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
MAX_CHARS = 32


def parse(name: str, given: Any) -> Any:
    """The option's value; None for an empty text, which is "not given". Raises InvalidRequest."""
    if isinstance(given, str):
        text = given.strip()
        if len(given) > MAX_CHARS or (text and not _NUMBER.fullmatch(text)):
            checks.refuse(name, "must be a number, or a text that is one")
        if not text:
            return None
        given = float(text)
    return plain_options.checked(name, given)
