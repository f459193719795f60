"""Ids of contacts on the wire: the 32 hexadecimal digits of ours, without their prefix.

Whoever sends one may leave the prefix. Other ids are shown whole, as the siblings list them.
"""

import re

from conversations import ids

VISITOR = "vis"
_DIGITS = re.compile(r"[0-9a-f]{32}")


def shown(public_id: str) -> str:
    return ids.unprefixed(public_id)


def public(given: str) -> str:
    """Our id; anything else stays as it is, and is found nowhere."""
    given = given.strip()
    return f"{VISITOR}_{given}" if _DIGITS.fullmatch(given) else given
