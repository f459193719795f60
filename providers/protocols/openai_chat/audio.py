"""A fragment of a spoken answer, as the four fields the format knows and in the types it gives them."""

import re
from typing import Any

from providers import untrusted
from providers.protocols.openai_chat.numbers import integer

MAX_WORD_CHARACTERS = 256
# As far as clients can count without loss.
MAX_SECONDS = 2**53
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")

Json = dict[str, Any]


def audio_fields(wire: Json, transcript: str) -> Json:
    """What of `wire` can be kept, with a transcript that was made fit before; empty when nothing can."""
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
