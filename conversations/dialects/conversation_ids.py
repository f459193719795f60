"""The ids under which callers of every family keep their conversations."""

import re

from conversations.errors import InvalidRequest

MAX_CHARS = 128

_FORM = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_CHARS}}}")


def checked(given: str, *, param: str) -> str:
    """The id itself, or "" for none. Raises InvalidRequest for what cannot be one."""
    if given and not _FORM.fullmatch(given):
        raise InvalidRequest(f"{param} must be at most {MAX_CHARS} characters of A-Z a-z 0-9 . _ -", param=param)
    return given
