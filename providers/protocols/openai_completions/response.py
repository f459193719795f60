"""An answer of `POST /completions`, streamed or whole, as events: chat's, except that a choice holds a bare text."""

from typing import Any

from providers.events import StreamEvent
from providers.protocols.openai_chat import response
from providers.protocols.openai_chat.response import Json

# What a choice has beside its message.
_CHOICE_FIELDS = frozenset({"index", "text", "logprobs", "finish_reason", "usage"})


class ResponseReader(response.ResponseReader):
    """`logprobs` keep their older shape (`tokens`, `token_logprobs`, `top_logprobs`, `text_offset`).

    A text may well be continued by nothing.
    """

    def __init__(self, **facts: Any) -> None:
        super().__init__(**{**facts, "may_be_silent": True})

    def _read_choice(self, wire: Json, found: list[StreamEvent]) -> None:
        own = {name: value for name, value in wire.items() if name not in _CHOICE_FIELDS}
        super()._read_choice({**wire, "delta": {**own, "content": wire.get("text")}}, found)
