"""A request whose body was read, checked and parsed, and that is not accepted yet."""

from dataclasses import dataclass

from conversations.services.runs.accept import AcceptedRun
from conversations.services.runs.accept import accept as accept_run
from conversations.values.callers import Caller
from conversations.values.requests import NewRun, NewTask, Preconditions, RunRequest
from conversations.values.runs import Format
from conversations.views.bodies import large_bodies
from conversations.views.http import threadpool


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """`is_large`: its body was. `task`: its caller does not wait.

    Who waits for the answer keeps none of these: it may be megabytes.
    """

    run_request: RunRequest
    preconditions: Preconditions
    form: Format
    caller: Caller
    is_large: bool
    task: NewTask | None = None

    @property
    def is_streamed(self) -> bool:
        return self.form is not Format.JSON and self.task is None

    async def accept(self, run: NewRun, task: NewTask | None = None) -> AcceptedRun:
        """Raises as the service does. A large request is not written by the threads that all requests share."""
        args, caller = (self.run_request, self.preconditions, task), self.caller
        if self.is_large:
            return await large_bodies.store(caller.account_id, accept_run, *args, caller=caller, run=run)
        return await threadpool.call(accept_run, *args, caller=caller, run=run)
