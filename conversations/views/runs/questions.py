"""A question as its body says it: read, checked and parsed; what is large, beside the event loop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from conversations.services.runs.accept import Conditions
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest
from conversations.values.runs import Format
from conversations.views.bodies import budget, large_work
from conversations.views.http import threadpool

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Question:
    """A turn that was understood and not yet accepted. Nobody who waits for its answer may hold on to it.

    `is_task`: its asker does not wait; the answer is sent to `callback_url`, if there is one.
    """

    turn: RunRequest
    conditions: Conditions
    form: Format
    caller: Caller
    is_large: bool
    is_task: bool = False
    callback_url: str = ""

    @property
    def is_streamed(self) -> bool:
        return self.form is not Format.JSON

    async def store(
        self, service: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Calls the service that writes it. Megabytes are not written by the threads that everybody needs."""
        if self.is_large:
            return await large_work.store(self.caller.account_id, service, *args, **kwargs)
        return await threadpool.call(service, *args, **kwargs)


async def understood(body: bytearray, read: Callable[[bytearray], Question], *, caller: Caller) -> Question:
    """What `read` makes of the body. Raises what it raises."""
    if len(body) > budget.SMALL_BYTES:
        return await large_work.read(caller.account_id, read, body)
    return read(body)
