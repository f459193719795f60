"""An answer of `POST /completions`, streamed or whole, as events: as chat's, but a choice holds a text, no message."""

from typing import Any

from providers.events import StreamEvent
from providers.protocols.openai.chat.response import ChatReader

# The fields of a choice that are the format's own; the others are the vendor's.
_CHOICE_FIELDS = frozenset({"index", "text", "logprobs", "finish_reason", "usage"})


class CompletionReader(ChatReader):
    """`logprobs` keep their older shape (`tokens`, `token_logprobs`, `top_logprobs`, `text_offset`).

    An empty continuation is an answer.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**{**arguments, "may_be_empty": True})

    def _read_choice(self, wire: dict[str, Any], found: list[StreamEvent]) -> None:
        own = {name: value for name, value in wire.items() if name not in _CHOICE_FIELDS}
        super()._read_choice({**wire, "delta": {**own, "content": wire.get("text")}}, found)
