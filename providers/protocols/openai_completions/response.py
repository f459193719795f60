"""An answer of `POST /completions`, streamed or whole, as events: chat's, except that a choice holds a bare text."""

from providers.events import Event
from providers.protocols.openai_chat import response
from providers.protocols.openai_chat.response import Json

# What a choice has beside its message.
_CHOICE_FIELDS = frozenset({"index", "text", "logprobs", "finish_reason"})


class ResponseReader(response.ResponseReader):
    """`logprobs` keep their older shape (`tokens`, `token_logprobs`, `top_logprobs`, `text_offset`)."""

    def _read_choice(self, wire: Json, found: list[Event]) -> None:
        own = {name: value for name, value in wire.items() if name not in _CHOICE_FIELDS}
        super()._read_choice({**wire, "delta": {**own, "content": wire.get("text")}}, found)
