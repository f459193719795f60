"""`POST /v1/openapi/exposed/{action_id}/execute` (docs/contract D.8): an action, asked for in natural language.

The model is asked with that one tool and has to call it. For limits, money and cancelling it is a turn as any other.
Unless its caller wants a preview, the call is then made here, once.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import errors, routing
from conversations.dialects.dialect import Dialect
from conversations.dialects.yuju import NAME, actions
from conversations.dialects.yuju import errors as yuju_errors
from conversations.dialects.yuju.actions import CallCollector, Called, ExecutionStatus
from conversations.queries.tools import actions as action_queries
from conversations.services import one_by_one
from conversations.services.runs.tools import executions
from conversations.tools import declarations
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest
from conversations.values.runs import Format, ReplyContext
from conversations.values.tools import ToolDefinition, ToolOutcome
from conversations.views import tool_calls
from conversations.views.bodies.fields import FlagField, TextField
from conversations.views.http import threadpool
from conversations.views.runs import assistants
from conversations.views.runs.parsed import ParsedRequest
from conversations.views.runs.response import Answering
from conversations.views.runs.view import RunView
from conversations.views.yuju.base import YujuView, succeed
from conversations.views.yuju.fields import IdField

INSTRUCTIONS_MAX_CHARS = 32_000
# An answer that calls the tool has no words, and nothing resumes it.
DIALECT = Dialect(
    name=NAME, errors=yuju_errors, streams={}, collector=CallCollector, needs_words=False, has_document=False
)


class ExecuteSerializer(serializers.Serializer[Any]):
    instructions = TextField(most=INSTRUCTIONS_MAX_CHARS, help_text="What the action is to do, in any language.")
    ibotID = IdField(  # noqa: N815 — the wire's own spelling
        required=False, allow_null=True, help_text="The assistant whose model is asked; else the default one's."
    )
    preview_only = FlagField(required=False, allow_null=True, help_text="Say what would be called, and call nothing.")


class ExecuteView(YujuView, RunView):
    dialect: ClassVar[Dialect] = DIALECT
    serializer: ClassVar[serializers.Serializer[Any]] = ExecuteSerializer()
    action_id: str
    # Known once the account is.
    tool: ToolDefinition

    async def post(self, request: HttpRequest, action_id: str = "") -> HttpResponseBase:
        self.action_id = action_id
        return await super().post(request)

    def named_model(self, fields: Mapping[str, Any]) -> str:
        return ""

    def parse(self, request: HttpRequest, *, body: Mapping[str, Any], fields: Mapping[str, Any]) -> RunRequest:
        instructions = fields["instructions"].strip()
        if not instructions:
            raise errors.InvalidRequest("instructions is required", param="instructions")
        return RunRequest(
            dialect=NAME,
            model="",
            messages=actions.question(instructions),
            conversation_id="",
            is_stored=False,
            reply={
                "action_id": self.action_id,
                "is_preview": bool(fields.get("preview_only")),
                "assistant": fields.get("ibotID"),
            },
        )

    def answer_format(self, request: HttpRequest, fields: Mapping[str, Any]) -> Format:
        return Format.JSON

    async def resolve(self, run_request: RunRequest, *, caller: Caller) -> RunRequest:
        """With the tool, and the assistant's model. Raises NotFound and InvalidRequest."""
        found = await threadpool.call(action_queries.get, account_id=caller.account_id, action=self.action_id)
        (self.tool,) = declarations.named([found])
        model = await self._model(run_request.reply["assistant"], caller)
        routing.entry_for(model, operation=self.operation, patterns=caller.models)
        options = actions.options(declarations.declared(self.tool))
        return replace(run_request, model=model, options=options, reply={**run_request.reply, "action": found.name})

    async def _model(self, assistant: str | None, caller: Caller) -> str:
        try:
            return (await assistants.config_of(caller, (assistant or "").strip() or None)).model
        except errors.NotFound as exc:
            raise errors.InvalidRequest("ibotID: there is no such assistant", param="ibotID") from exc

    async def accept(self, parsed: ParsedRequest) -> Answering:
        response = await super().accept(parsed)
        if parsed.run_request.reply["is_preview"]:
            return response
        return Execution(response, tool=self.tool, action_id=self.action_id, caller=parsed.caller)

    async def _repeat(self, parsed: ParsedRequest) -> Answering | HttpResponse | None:
        """Also where the tool is gone by now: what came of its call is known."""
        repeated = await super()._repeat(parsed)
        if repeated is None or isinstance(repeated, HttpResponse) or parsed.run_request.reply["is_preview"]:
            return repeated
        return Execution(repeated, tool=None, action_id=self.action_id, caller=parsed.caller)


class Execution:
    """The call that the run's model wrote is made, unless the request was sent again and it has been made.

    `tool` None: it cannot be called any more.
    """

    def __init__(self, response: Answering, *, tool: ToolDefinition | None, action_id: str, caller: Caller) -> None:
        self._response = response
        self._tool = tool
        self._action_id = action_id
        self._account_id = caller.account_id

    async def respond(self, dialect: Dialect) -> HttpResponseBase:
        """Raises the run's error, and NotFound for a call that nobody has made and nobody can make."""
        made: list[CallCollector] = []

        def collector(context: ReplyContext) -> CallCollector:
            made.append(CallCollector(context))
            return made[-1]

        response = await self._response.respond(replace(dialect, collector=collector))
        called = made[-1].called()
        if called.arguments is None:
            return response
        outcome = await self._outcome(called, called.arguments, made[-1].run_id)
        return succeed(self._shown(called, outcome, made[-1]))

    async def _outcome(self, called: Called, arguments: Mapping[str, Any], run_id: str) -> ToolOutcome | None:
        """None while another request makes the call."""
        tool, account_id = self._tool, self._account_id
        if tool is None:
            return executions.outcome_of(await threadpool.call(executions.made, account_id=account_id, run_id=run_id))
        begin = partial(executions.begin, call_id=called.call_id, name=tool.name, arguments=called.written)
        call = await threadpool.call(begin, account_id=account_id, run_id=run_id, tool=tool)
        return await self._finish(tool, arguments, run_id) if call is None else executions.outcome_of(call)

    async def _finish(self, tool: ToolDefinition, arguments: Mapping[str, Any], run_id: str) -> ToolOutcome:
        """Also for a client that has left: a call that has begun goes on, and its end is written down."""
        task = asyncio.get_running_loop().create_task(self._call(tool, arguments, run_id))
        _running.add(task)
        task.add_done_callback(_running.discard)
        return await asyncio.shield(task)

    async def _call(self, tool: ToolDefinition, arguments: Mapping[str, Any], run_id: str) -> ToolOutcome:
        try:
            outcome = await tool_calls.run(
                lambda callers: callers.call(
                    tool, arguments, seconds=tool_calls.SECONDS, max_bytes=tool_calls.RESULT_BYTES
                ),
                account_id=tool.account_id,
            )
        except errors.RateLimited as exc:
            outcome = ToolOutcome(exc.message, is_error=True)
        try:
            await threadpool.call(executions.end, account_id=tool.account_id, run_id=run_id, outcome=outcome)
        except DatabaseError as exc:
            # It was called: who is told of an error instead might ask for it again. The sweep ends its row.
            one_by_one.log_once("end_execution", run_id, exc)
        return outcome

    def _shown(self, called: Called, outcome: ToolOutcome | None, collector: CallCollector) -> dict[str, Any]:
        if outcome is None:
            status = ExecutionStatus.RUNNING
        else:
            status = ExecutionStatus.ERROR if outcome.is_error else ExecutionStatus.SUCCESS
        text = outcome.text if outcome else None
        return actions.execution(
            called,
            execution_id=collector.run_id,
            action_id=self._action_id,
            name=collector.action,
            status=status,
            result=text if status is ExecutionStatus.SUCCESS else None,
            error=text if status is ExecutionStatus.ERROR else None,
        )


# The loop itself keeps no task alive.
_running: set["asyncio.Task[ToolOutcome]"] = set()
