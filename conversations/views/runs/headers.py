"""The response headers that tell a caller of its run."""

from typing import Protocol

RUN_ID = "X-Run-Id"
CONVERSATION_ID = "X-Conversation-Id"
# Of a request that was answered by the run of an earlier one, under the same idempotency key.
REPLAYED = "Idempotent-Replayed"


class IdentifiedRun(Protocol):
    """The ids are public ones. `is_stored`: whether its conversation keeps it."""

    @property
    def run_id(self) -> str: ...

    @property
    def conversation_id(self) -> str: ...

    @property
    def is_stored(self) -> bool: ...


def run_headers(run: IdentifiedRun) -> dict[str, str]:
    return {RUN_ID: run.run_id, **({CONVERSATION_ID: run.conversation_id} if run.is_stored else {})}
