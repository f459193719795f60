"""A fragment of a spoken answer: the four fields of the format, checked for their types."""

import re
from typing import Any

from providers import untrusted
from providers.protocols.openai.numbers import integer

MAX_WORD_CHARACTERS = 256
# The largest integer that JavaScript clients read without loss.
MAX_SECONDS = 2**53
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")

Json = dict[str, Any]


def audio_fields(wire: Json, transcript: str) -> Json:
    """The usable fields of `wire`, with `transcript`, which is storable already. Empty when there are none."""
    fields: Json = {}
    for name in ("id", "format"):
        if isinstance(value := wire.get(name), str) and value:
            fields[name] = untrusted.text(value, most=MAX_WORD_CHARACTERS)
    if isinstance(data := wire.get("data"), str) and data and _BASE64.fullmatch(data):
        fields["data"] = data
    if transcript:
        fields["transcript"] = transcript
    if (expires_at := integer(wire.get("expires_at"))) and expires_at <= MAX_SECONDS:
        fields["expires_at"] = expires_at
    return fields
