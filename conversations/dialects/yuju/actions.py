"""Actions, which are the account's tools, on the wire (docs/contract D.8): their list, and what came of an execution.

The members are those that the vendor's own API for actions has, and those of the service that both are modelled on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from conversations.dialects.yuju import envelope, times
from conversations.errors import ParleyError
from conversations.rules.runs import outcomes, tool_calls
from conversations.rules.runs.tool_calls import UnusableArguments
from conversations.values.runs import ReplyContext, RunEnded, RunEvent
from conversations.values.tools import ToolDefinition
from providers.assembly import Assembler
from providers.messages import Message, Role, TextPart, ToolCallPart

NO_CALL = "The model did not call the action."
CUT_OFF = "The model's answer was cut off, so the call may not be whole."


class ExecutionStatus(StrEnum):
    """`preview`: the call was not made, as asked. `running`: another request with the same key makes it."""

    PREVIEW = "preview"
    SUCCESS = "success"
    ERROR = "error"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Called:
    """What the model made of the instructions. `arguments` None: nothing that could be called; `problem` says why.

    `written` is JSON as the model wrote it, `words` what it said besides.
    """

    call_id: str = ""
    name: str = ""
    written: str = ""
    arguments: Mapping[str, Any] | None = None
    problem: str = ""
    words: str = ""


def listed(action_id: str, tool: ToolDefinition) -> dict[str, Any]:
    return {
        "id": action_id,
        "name": tool.name,
        "description": tool.description,
        "params": tool.parameters,
        "needs_approval": tool.needs_approval,
    }


def question(instructions: str) -> tuple[Message, ...]:
    return (Message(Role.USER, (TextPart(instructions),)),)


def options(declared: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a turn that offers the one tool and demands a call of it."""
    name = declared["function"]["name"]
    return {"tools": [declared], "tool_choice": {"type": "function", "function": {"name": name}}}


def execution(
    called: Called,
    *,
    execution_id: str,
    action_id: str,
    name: str,
    status: ExecutionStatus,
    result: str | None = None,
    error: str | None = None,
) -> dict[str, Any]:
    """`result` is a text, as the tool gave it; JSON in it is shown as what it is."""
    return {
        "id": execution_id,
        "action_used": name,
        "action_used_id": action_id,
        "input_params": called.arguments,
        "result": as_json(result),
        "status": status.value,
        "error": error or called.problem or None,
        "assistant_hint": called.words or None,
        "additional_results": [],
        "result_field_labels": {},
        "review_url": None,
    }


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """A call of a tool, of whatever turn. `arguments` and `result` may be only the beginning."""

    action_id: str
    name: str
    arguments: str
    result: str
    status: str
    is_error: bool
    run_id: str
    seconds: float | None
    created_at: datetime


def logged(execution_id: str, call: LoggedCall) -> dict[str, Any]:
    return {
        "id": execution_id,
        "action_used": call.name,
        "action_used_id": call.action_id,
        "input_params": as_json(call.arguments),
        "result": None if call.is_error else as_json(call.result),
        "status": call.status,
        "error": call.result if call.is_error else None,
        "run_id": call.run_id,
        "seconds": call.seconds,
        "create_time": times.shown(call.created_at),
    }


def as_json(text: str | None) -> Any:
    try:
        return orjson.loads(text) if text else text
    except orjson.JSONDecodeError:
        return text


class CallCollector:
    """Gathers what the model called. The answer is the preview; `called` is for who makes the call.

    Only the first call counts, however many the model has written.
    """

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._ended: RunEnded | None = None
        self._assembler = Assembler()

    def feed(self, item: RunEvent) -> None:
        if isinstance(item.event, RunEnded):
            self._ended = item.event
        else:
            self._assembler.add(item.event)

    def restart(self) -> None:
        self._assembler = Assembler()

    @property
    def run_id(self) -> str:
        return self._context.run_id

    @property
    def action(self) -> str:
        """Its name when the request was accepted."""
        return str(self._context.reply.get("action", ""))

    def failure(self) -> ParleyError | None:
        return outcomes.failure(self._ended, has_text=False) if self._ended else None

    def called(self) -> Called:
        answer = next(iter(self._assembler.answers()), None)
        parts = answer.parts if answer else ()
        words = answer.text if answer else ""
        call = next((part for part in parts if isinstance(part, ToolCallPart)), None)
        if call is None:
            return Called(problem=NO_CALL, words=words)
        if not self._is_whole:
            return Called(call.call_id, call.name, problem=CUT_OFF, words=words)
        written = call.arguments.strip() or tool_calls.NO_ARGUMENTS
        try:
            given = tool_calls.arguments(call.arguments)
        except UnusableArguments as exc:
            return Called(call.call_id, call.name, problem=exc.message, words=words)
        return Called(call.call_id, call.name, written, given, words=words)

    @property
    def _is_whole(self) -> bool:
        return tool_calls.are_whole(next(iter(self._ended.finish_reasons if self._ended else ()), None))

    def answer(self) -> bytes:
        """The preview."""
        called, reply = self.called(), self._context.reply
        status = ExecutionStatus.ERROR if called.arguments is None else ExecutionStatus.PREVIEW
        shown = execution(
            called,
            execution_id=self._context.run_id,
            action_id=reply.get("action_id", ""),
            name=self.action,
            status=status,
        )
        return orjson.dumps(envelope.success(shown))
