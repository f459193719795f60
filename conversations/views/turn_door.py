"""What every family's turn route does once the request is understood: accept the run and open it for its asker."""

from functools import partial

from conversations import ids, upstream
from conversations.models import Run
from conversations.queries import runs as run_queries
from conversations.services import accepting, cancelling, runs
from conversations.services.accepting import Conditions
from conversations.services.accounts import Caller
from conversations.services.runs import AcceptedRun
from conversations.turns import TurnRequest
from conversations.views import blocking
from conversations.views.doors import Door
from conversations.views.open_turn import OpenTurn
from conversations.views.turn_reader import TurnReader

RUN_ID_HEADER = "X-Run-Id"
REPLAYED_HEADER = "Idempotent-Replayed"


class TurnDoor(Door):
    async def accept(
        self, turn: TurnRequest, *, caller: Caller, conditions: Conditions, is_streamed: bool
    ) -> tuple[OpenTurn, str]:
        """The open turn, and the public id of its conversation. From here on the run ends by itself.

        Raises UnknownModel, ConversationBusy, Duplication and their like before that.
        """
        target = upstream.target_for(turn.model)
        run_id = ids.new_run_id()
        reader = await TurnReader.begin(run_id)
        start = partial(
            runs.start,
            account_id=caller.account_id,
            api_key_id=caller.api_key_id,
            turn=turn,
            run_id=run_id,
            channel=reader.channel,
            trace_id=self.trace_id,
            context_window=target.context_window,
            is_streamed=is_streamed,
        )
        try:
            run = await blocking.call(accepting.accept, conditions=conditions, start=start)
        except BaseException:
            reader.close()
            raise
        if isinstance(run, AcceptedRun):
            self.response_headers[RUN_ID_HEADER] = run_id
            is_kept = run.is_stored or bool(conditions.idempotency_key)
            return self._open(reader, run.pk, is_kept=is_kept), run.conversation_id
        reader.close()
        return await self._open_again(run, caller=caller, is_streamed=is_streamed)

    def _open(self, reader: TurnReader, run_id: int, *, is_kept: bool) -> OpenTurn:
        if is_kept:
            return OpenTurn(reader, run_id=run_id)
        return OpenTurn(reader, run_id=run_id, on_leave=partial(_drop, run_id))

    async def _open_again(self, run: Run, *, caller: Caller, is_streamed: bool) -> tuple[OpenTurn, str]:
        """The turn that the idempotency key stands for, running or ended: it is not asked a second time."""
        if is_streamed:
            await blocking.call(runs.open_as_stream, account_id=caller.account_id, run_id=run.public_id)
        found = await blocking.call(run_queries.found_run, account_id=caller.account_id, run_id=run.public_id)
        self.response_headers[RUN_ID_HEADER] = found.public_id
        self.response_headers[REPLAYED_HEADER] = "true"
        return OpenTurn(await TurnReader.attach(found), run_id=found.pk), found.conversation_id


def _drop(run_id: int, saw_end: bool) -> None:
    """A turn that nothing stores has one reader: with its end read it is forgotten, without it stopped."""
    blocking.call_later(runs.forget if saw_end else cancelling.cancel_unread, run_id=run_id)
