"""The JSON in which a turn that is only tried goes to a worker: its request, and what the worker asks of its caller."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from conversations.values.assistants import AnswerForm
from conversations.values.callers import Caller
from conversations.values.context import source_records
from conversations.values.money import Metering
from conversations.values.requests import Operation, ReferenceGiven, ReferenceKind, RunRequest
from providers import serialization


@dataclass(frozen=True, slots=True)
class DryRequest:
    """`metering` None: its account is not metered. `max_cost` as in `Preconditions`."""

    request: RunRequest
    account_id: int
    is_operator: bool
    metering: Metering | None = None
    max_cost: Decimal | None = None
    may_begin_conversations: bool = True


def dump(request: RunRequest, *, caller: Caller, max_cost: Decimal | None) -> bytes:
    """Of references only the kinds: their contents are parts of the messages."""
    metering = caller.metering
    record: dict[str, Any] = {
        "account_id": caller.account_id,
        "is_operator": caller.is_operator,
        "may_begin_conversations": caller.may_begin_conversations,
        "metering": [metering.pays, str(metering.markup_percent)] if metering else None,
        "max_cost": None if max_cost is None else str(max_cost),
        "dialect": request.dialect,
        "model": request.model,
        "messages": [serialization.dump_message(message) for message in request.messages],
        "conversation_id": request.conversation_id,
        "is_stored": request.is_stored,
        "begins_conversation": request.begins_conversation,
        "preset": request.preset,
        "references": [given.kind.value for given in request.references],
        "options": dict(request.options),
        "operation": request.operation.value,
        "prompt": request.prompt,
        "may_repeat_history": request.may_repeat_history,
        "context": source_records.dump_asked(request.context) if request.context else None,
        "skipped": request.skipped,
        "history_most": request.history_most,
        "answer_form": request.answer_form.value if request.answer_form else None,
    }
    return orjson.dumps(record)


def load(given: bytes) -> DryRequest:
    """Raises ValueError, KeyError or TypeError when it cannot be read."""
    record = orjson.loads(given)
    metering = record["metering"]
    return DryRequest(
        request=_request(record),
        account_id=record["account_id"],
        is_operator=record["is_operator"],
        metering=Metering(metering[0], Decimal(metering[1])) if metering else None,
        max_cost=None if record["max_cost"] is None else Decimal(record["max_cost"]),
        may_begin_conversations=record.get("may_begin_conversations", True),
    )


def _request(record: dict[str, Any]) -> RunRequest:
    return RunRequest(
        dialect=record["dialect"],
        model=record["model"],
        messages=tuple(map(serialization.load_message, record["messages"])),
        conversation_id=record["conversation_id"],
        is_stored=record["is_stored"],
        begins_conversation=record["begins_conversation"],
        preset=record["preset"],
        references=tuple(ReferenceGiven(ReferenceKind(kind), "") for kind in record["references"]),
        options=record["options"],
        operation=Operation(record["operation"]),
        prompt=record["prompt"],
        may_repeat_history=record["may_repeat_history"],
        context=source_records.load_asked(record["context"]) if record["context"] else None,
        skipped=record["skipped"],
        history_most=record.get("history_most"),
        answer_form=AnswerForm(form) if (form := record.get("answer_form")) else None,
    )
