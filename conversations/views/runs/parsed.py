"""A request whose body was read, checked and parsed, and that is not accepted yet."""

from dataclasses import dataclass

from conversations.services.runs import accept
from conversations.services.runs.accept import AcceptedRun
from conversations.values.callers import Caller
from conversations.values.requests import NewRun, NewTask, Preconditions, RunRequest
from conversations.values.runs import Format
from conversations.views.bodies import large_bodies
from conversations.views.http import threadpool
from conversations.views.http.thread_shares import Share


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """`is_large`: its body was. `task`: its caller does not wait.

    While a view waits for the answer it keeps none of these, because one may hold megabytes.
    """

    run_request: RunRequest
    preconditions: Preconditions
    answer_format: Format
    caller: Caller
    is_large: bool
    task: NewTask | None = None

    @property
    def is_streamed(self) -> bool:
        return self.answer_format is not Format.JSON and self.task is None

    async def accept(self, run: NewRun) -> AcceptedRun:
        """Raises as the service does. A large request is not written by the threads that all requests share."""
        args, caller = (self.run_request, self.preconditions, self.task), self.caller
        if self.is_large:
            return await large_bodies.store(caller.account_id, accept.accept, *args, caller=caller, run=run)
        share = Share(caller.account_id, self.run_request.conversation_id if self.run_request.is_stored else "")
        return await threadpool.call_in_share(share, accept.accept, *args, caller=caller, run=run)
