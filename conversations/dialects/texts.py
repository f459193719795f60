"""What any text of a request must be, whatever the family, before it may go further."""

from conversations.errors import InvalidRequest


def storable(text: str, *, param: str, place: str = "") -> str:
    """The text itself. PostgreSQL stores no NUL, and UTF-8 has no lone surrogates: InvalidRequest for both.

    `place` says more exactly than `param` where the text was.
    """
    if "\x00" in text:
        raise InvalidRequest(f"{place or param} contains a NUL character", param=param)
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidRequest(f"{place or param} contains a lone surrogate, half of a character", param=param) from exc
    return text
