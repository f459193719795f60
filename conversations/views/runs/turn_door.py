"""What every family's turn route does once the request is understood: accept the run and open it for its asker."""

from collections.abc import Callable
from functools import partial

from django.http import HttpResponse

from conversations import ids, routing
from conversations.dialects.aichat import tasks as task_words
from conversations.models import Run
from conversations.queries import runs as run_queries
from conversations.queries import tasks as task_queries
from conversations.services.runs import accept as accepting
from conversations.services.runs import background, readers, rows
from conversations.services.runs.rows import AcceptedRun
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest
from conversations.values.runs import ReplyContext
from conversations.views.http import customer_urls, rate_limits, redis_watch, threadpool
from conversations.views.http.base import BaseView, json_response
from conversations.views.runs import erasure
from conversations.views.runs import reader as turn_reader
from conversations.views.runs.questions import Question
from conversations.views.runs.reader import RunEventReader
from conversations.views.runs.response import RunResponse

RUN_ID_HEADER = "X-Run-Id"
CONVERSATION_ID_HEADER = "X-Conversation-Id"
REPLAYED_HEADER = "Idempotent-Replayed"


def run_headers(*, run_id: str, conversation_id: str, is_stored: bool) -> dict[str, str]:
    """Where the run is found, and the conversation that keeps it. Ids are public ones."""
    return {RUN_ID_HEADER: run_id, **({CONVERSATION_ID_HEADER: conversation_id} if is_stored else {})}


class TurnDoor(BaseView):
    async def count(self, caller: Caller, *, amount: int, body_bytes: int) -> None:
        await rate_limits.count_question(caller, body_bytes=body_bytes, headers=self.response_headers)

    async def accept(self, question: Question) -> tuple[RunResponse, ReplyContext]:
        """The open turn, and what its answer is worded by. From here on the run ends by itself.

        Raises UnknownModel, RateLimited, ServiceUnavailable, ConversationBusy, Duplication and their like before that.
        """
        await redis_watch.check()
        run_id = ids.new_run_id()
        start = self._start(question, run_id=run_id)
        reader = await RunEventReader.begin(run_id, api_key_id=question.caller.api_key_id)
        try:
            run = await question.store(accepting.accept, conditions=question.conditions, start=start)
        except BaseException:
            reader.close()
            raise
        if isinstance(run, AcceptedRun):
            self.response_headers |= run_headers(
                run_id=run_id, conversation_id=run.conversation_id, is_stored=run.is_stored
            )
            is_kept = run.is_stored or bool(question.conditions.idempotency_key)
            return self._open(reader, run.pk, is_kept=is_kept), self._asked(question.turn, run_id=run_id)
        reader.close()
        return await self._open_again(run, caller=question.caller, is_streamed=question.is_streamed)

    async def accept_task(self, question: Question) -> HttpResponse:
        """The acknowledgement of a turn whose asker does not wait. Raises as `accept` does, and for a refused URL."""
        if callback_url := question.callback_url:
            callback_url = await customer_urls.checked(
                callback_url, param="callback_url", account_id=question.caller.account_id
            )
        start = self._start(question, run_id=ids.new_run_id())
        as_task = partial(
            background.start, account_id=question.caller.account_id, callback_url=callback_url, start=start
        )
        run = await question.store(accepting.accept, conditions=question.conditions, start=as_task)
        # Already here: should the look at it fail, the run goes on all the same.
        self.response_headers[RUN_ID_HEADER] = run.public_id
        if not isinstance(run, AcceptedRun):
            self.response_headers[REPLAYED_HEADER] = "true"
        state = await threadpool.call(task_queries.of_run, run_id=run.pk)
        self.response_headers |= run_headers(
            run_id=state.run_id, conversation_id=state.conversation_id, is_stored=state.is_stored
        )
        return json_response(task_words.acknowledgement(state))

    def _start(self, question: Question, *, run_id: str) -> Callable[[], AcceptedRun]:
        """What accepts the turn once it is called."""
        turn = question.turn
        target = routing.target_for(turn.model, operation=turn.operation)
        return partial(
            rows.start,
            account_id=question.caller.account_id,
            api_key_id=question.caller.api_key_id,
            turn=turn,
            run_id=run_id,
            channel=turn_reader.follower().channel(run_id),
            trace_id=self.trace_id,
            context_window=target.context_window,
            is_streamed=question.is_streamed and not question.is_task,
            may_begin_conversation=question.caller.may_begin_conversations,
        )

    def _asked(self, turn: RunRequest, *, run_id: str) -> ReplyContext:
        return ReplyContext(
            run_id=run_id,
            conversation_id=turn.conversation_id,
            is_stored=turn.is_stored,
            model=turn.model,
            trace_id=str(self.trace_id),
            operation=turn.operation,
            reply=turn.reply,
        )

    def _open(self, reader: RunEventReader, run_id: int, *, is_kept: bool) -> RunResponse:
        if is_kept:
            return RunResponse(reader, run_id=run_id)
        return RunResponse(reader, run_id=run_id, on_leave=partial(_drop, run_id))

    async def _open_again(self, run: Run, *, caller: Caller, is_streamed: bool) -> tuple[RunResponse, ReplyContext]:
        """The turn that the idempotency key stands for, running or ended: it is not asked a second time."""
        if is_streamed:
            await threadpool.call(
                readers.open_as_stream, account_id=caller.account_id, run_id=run.public_id, is_repeat=True
            )
        found = await threadpool.call(run_queries.found_run, account_id=caller.account_id, run_id=run.public_id)
        asked = found.asked
        self.response_headers |= run_headers(
            run_id=asked.run_id, conversation_id=asked.conversation_id, is_stored=asked.is_stored
        )
        self.response_headers[REPLAYED_HEADER] = "true"
        reader = await RunEventReader.attach(found, api_key_id=caller.api_key_id)
        return RunResponse(reader, run_id=found.pk), asked


def _drop(run_id: int, saw_end: bool) -> None:
    """A turn that nothing stores has one reader: with its end read it is forgotten, without it stopped."""
    if saw_end:
        erasure.forget_soon(run_id)
    else:
        threadpool.call_later(readers.cancel_unread, run_id=run_id)
