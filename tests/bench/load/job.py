"""A job for the load generator, and its outcome. Both pass between the processes as one line of JSON."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

import orjson

from tests.bench.load.script import Script


class Form(StrEnum):
    """How an answer is requested: in the forms of `/aichat`, at the OpenAI route (CHAT, CHAT_STREAM), or of the default
    assistant by a visitor (YUJU).

    ONCE and ONCE_STREAM are CHAT and CHAT_STREAM without a conversation: nothing is stored. UPSTREAM asks the vendor
    directly, without the service.
    """

    JSON = "application/json"
    NDJSON = "application/x-ndjson"
    SSE = "text/event-stream"
    CHAT = "chat"
    CHAT_STREAM = "chat stream"
    ONCE = "once"
    ONCE_STREAM = "once stream"
    YUJU = "yuju"
    UPSTREAM = "upstream"

    @property
    def is_stored(self) -> bool:
        return self not in (Form.ONCE, Form.ONCE_STREAM, Form.UPSTREAM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Clients that each ask one question after another on their own connection, until `turns` or `seconds` are up.

    A client begins a new conversation after `turns_each`; or each of the given `conversations`, which have `messages`
    messages, gets one turn. Lags are of tokens sent between `lag_from` and `lag_until` (monotonic clock).
    """

    port: int
    key: str
    form: Form
    script: Script
    clients: int
    turns: int
    turns_each: int
    seconds: float
    conversations: tuple[str, ...] = ()
    messages: int = 0
    ramp_seconds: float = 0.0
    lag_from: float = 0.0
    lag_until: float = 0.0

    def line(self) -> bytes:
        return orjson.dumps(asdict(self)) + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Self:
        fields = orjson.loads(line)
        script, form = Script(**fields.pop("script")), Form(fields.pop("form"))
        return cls(**fields | {"conversations": tuple(fields["conversations"]), "script": script, "form": form})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The figures of every turn, and the generator's own CPU time, which can be subtracted."""

    turns: int
    seconds: float
    first_ms: list[float]
    total_ms: list[float]
    lag_ms: list[float]
    cpu_seconds: float

    def line(self) -> bytes:
        return orjson.dumps(asdict(self)) + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Self:
        return cls(**orjson.loads(line))
