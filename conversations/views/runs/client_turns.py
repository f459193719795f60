"""Turns and runs of client tokens: whose they are is asked of the database, what they may be of a rule."""

from dataclasses import replace

from conversations import errors
from conversations.queries.visitors import ownership
from conversations.rules.client_tokens import rights
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest
from conversations.views.http import threadpool
from conversations.views.runs.parsed import ParsedRequest


async def in_name_of_visitor(parsed: ParsedRequest) -> ParsedRequest:
    """The request of a client token as its visitor may make it.

    Raises OutOfScope, and NotFound for a conversation that is not the visitor's, whether there is one or not.
    """
    caller = parsed.caller
    rights.check_accepting(parsed.preconditions, is_task=parsed.task is not None)
    request = rights.in_name_of_visitor(parsed.run_request, caller)
    await _check_conversation(request, caller)
    return replace(parsed, run_request=request, preconditions=rights.own_key(parsed.preconditions, caller))


async def check_run(caller: Caller, run_id: str) -> None:
    """Raises NotFound for a run that is not the visitor's, where a client token asks for it."""
    if not caller.visitor:
        return
    is_own = await threadpool.call(
        ownership.has_run,
        account_id=caller.account_id,
        external_id=caller.visitor,
        run_id=run_id,
        assistant=caller.assistant,
    )
    if not is_own:
        raise errors.NotFound("run not found")


async def _check_conversation(request: RunRequest, caller: Caller) -> None:
    """A new conversation has an id that was made here. What is not stored reads no conversation, whatever it names."""
    if not request.is_stored or request.begins_conversation:
        return
    is_own = await threadpool.call(
        ownership.has_conversation,
        account_id=caller.account_id,
        external_id=caller.visitor,
        conversation_id=request.conversation_id,
        assistant=caller.assistant,
    )
    if not is_own:
        raise errors.NotFound("conversation not found")
