"""Ids of contacts and assistants on the wire: the 32 hexadecimal digits of ours, without their prefix.

Whoever sends one may leave the prefix.
"""

import re

from conversations import ids

VISITOR, ASSISTANT = "vis", "asst"
_DIGITS = re.compile(r"[0-9a-f]{32}")


def shown(public_id: str) -> str:
    return ids.unprefixed(public_id)


def public(given: str, *, prefix: str) -> str:
    """Our id; anything else stays as it is, and is found nowhere."""
    given = given.strip()
    return f"{prefix}_{given}" if _DIGITS.fullmatch(given) else given
