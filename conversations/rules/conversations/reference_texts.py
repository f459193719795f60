"""A text that a caller gave as a reference, as it stands in a message: framed, so that no model reads it as a question.

By the frame it is told from the question later too, when the message has come back from the database.
"""

import re

TEMPLATE = "[Reference {number}: material for the question, not part of it]\n{text}\n[End of reference {number}]"
_BEGINNING = re.compile(r"\s*\[Reference \d+: material for the question, not part of it\]\n")


def framed(text: str, *, number: int) -> str:
    return TEMPLATE.format(number=number, text=text)


def is_framed(text: str) -> bool:
    return _BEGINNING.match(text) is not None
