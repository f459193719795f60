"""The receipt of a run that has ended, of its messages, its preset and what its row keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from conversations import errors
from conversations.models import Message as MessageRow
from conversations.models import Run, RunAttempt, ToolCall
from conversations.queries import runs
from conversations.queries import steps as steps_of
from conversations.queries.receipts import assemble, lines
from conversations.queries.receipts.assemble import Asked, Facts
from conversations.receipts import kept as records
from conversations.receipts.messages import Line
from conversations.rules.generation import answer_forms, preset_options
from conversations.rules.runs import tool_calls, tool_limits
from conversations.stores import statements
from conversations.values.context import source_records
from conversations.values.context.receipts import KeptContext, PresetUsed, Receipt
from conversations.values.requests import Operation
from conversations.values.runs import RunStatus
from providers import serialization, tokens
from providers.messages import Message, ToolCallPart

NOT_FOUND = "run not found"
# Why a receipt lists nothing: nothing was asked, or nobody knows any more what was, since its worker died or the
# database refused its end.
NOT_ASKED, LOST = "not_asked", "lost"
NOTE = "receipt"
UNSURE = (RunAttempt.Outcome.LOST, RunAttempt.Outcome.REQUEUED)

# What an answer's record says of its prompt, without the answer. `messages`: how many of its choices are messages. A
# run that was stopped while it waited for an approval has said what no message has.
ANSWER = """
SELECT jsonb_build_object(
  'context', r.answer->'context', 'sources', r.answer->'sources', 'citations', r.answer->'citations',
  'notes', r.answer->'notes', 'messages', CASE WHEN r.answer ? 'required' THEN 0 ELSE jsonb_array_length(
    jsonb_path_query_array(r.answer, '$.choices[*] ? (!exists(@.parts) || @.parts.size() > 0)')) END)::text AS answer
FROM conversations_run r WHERE r.account_id = %(account_id)s AND r.id = %(run_id)s
"""


def of_run(*, account_id: int, run_id: str, asked: Asked, is_operator: bool) -> Receipt:
    """Raises NotFound, also for a run whose content was erased, and ConversationBusy for one that has not ended."""
    run = _run(account_id, run_id)
    answer = orjson.loads(statements.fetch_one(ANSWER, {"account_id": account_id, "run_id": run.pk})["answer"])
    attempts = runs.attempts(account_id=account_id, run_id=run.pk)
    last = attempts[-1] if attempts else None
    base = _base(run, answer, last, is_operator=is_operator)
    if note := _unknown(attempts):
        return replace(base, notes={**base.notes, NOTE: note})
    return assemble.receipt(_facts(run, answer, base), asked)


def _run(account_id: int, run_id: str) -> Run:
    found = Run.objects.for_account(account_id).filter(public_id=run_id).defer("answer", "preset__text")
    run = found.select_related("active", "conversation", "preset").first()
    if run is None or (run.conversation is not None and run.conversation.deleted_at is not None):
        raise errors.NotFound(NOT_FOUND)
    if run.is_active:
        state = "being answered" if run.status is RunStatus.IN_PROGRESS else "waiting"
        raise errors.ConversationBusy(f"The run is {state}: what is sent for it is known when it has ended.")
    if run.request is None:
        raise errors.NotFound("The run's content was erased.")
    return run


def _unknown(attempts: Sequence[RunAttempt]) -> str:
    """What the row keeps is of the last attempt: where that asked nobody, an earlier one may have."""
    if attempts and attempts[-1].target:
        return ""
    may_have_asked = any(one.target or one.upstream_calls or one.outcome in UNSURE for one in attempts)
    return LOST if may_have_asked else NOT_ASKED


def _base(run: Run, answer: Mapping[str, Any], last: RunAttempt | None, *, is_operator: bool) -> Receipt:
    preset = run.preset
    return Receipt(
        model=run.model,
        operation=(run.request or {}).get("operation", Operation.CHAT),
        run=run.public_id,
        conversation=run.conversation.public_id if run.conversation else None,
        target=last.target if last and is_operator else "",
        context_window=run.context_window,
        preset=PresetUsed(0, preset.name, preset.version) if preset else None,
        usage=serialization.load_usage(run.usage) if run.usage else None,
        notes=answer["notes"] or {},
    )


def _facts(run: Run, answer: Mapping[str, Any], base: Receipt) -> Facts:
    request = run.request or {}
    own, answers, newest = _own(run, answer, request)
    kept = records.load(answer["context"]) if answer["context"] else None
    sourced = {name: answer[name] for name in ("sources", "citations") if answer[name] is not None}
    parameters = orjson.dumps(run.preset.parameters).decode() if run.preset else "{}"
    named = _named(request)
    steps, is_told = _steps(run, kept, notes=base.notes)
    return Facts(
        base=replace(base, tools=() if is_told else named, tools_called=_called(run, answers)),
        account_id=run.account_id,
        conversation_key=run.conversation_id,
        newest=newest,
        own=own,
        preset_text=_preset_text(run, request) if base.operation == Operation.CHAT else "",
        options=_options(parameters, request, kept, is_offered=bool(named) and not is_told),
        steps=steps,
        texts=request.get("prompt") or (),
        sources=source_records.load(sourced).sources or (kept.sources if kept else ()),
        kept=kept,
    )


def _preset_text(run: Run, request: Mapping[str, Any]) -> str:
    return answer_forms.told(run.preset_text or "", answer_forms.of_request(request))


def _options(
    parameters: str, request: Mapping[str, Any], kept: KeptContext | None, *, is_offered: bool
) -> Mapping[str, Any]:
    """As the vendor was given them. `is_offered`: with tools of the account, which are named apart."""
    options: Mapping[str, Any] = preset_options.with_own(preset_options.usable(parameters), request.get("options", {}))
    if kept is None:
        return options
    if _named(request):
        own = list(options.get(tool_calls.TOOLS) or ())
        offered = tool_calls.offered(options, ours=[{}] if is_offered else [], is_first=not kept.steps)
        options = {**offered, tool_calls.TOOLS: own} if tool_calls.TOOLS in offered else offered
    return assemble.as_sent(options, kept, is_chat=request.get("operation", Operation.CHAT) == Operation.CHAT)


def _steps(run: Run, kept: KeptContext | None, *, notes: Mapping[str, str]) -> tuple[tuple[Message, ...], bool]:
    """What the model was sent of its own answers and of what tools said, as `prompts.build` made it.

    And whether it was told that it can call no more: then it was asked without the account's tools.
    """
    if kept is None or not kept.steps:
        return (), False
    found = steps_of.of_run(account_id=run.account_id, run_id=run.pk)
    why = {**kept.notes, **notes}.get(tool_limits.NOTE)
    told = tool_limits.no_more(why) if why and len(found) == kept.steps else ""
    sent = found[: kept.steps]
    said = [message for step in sent for message in step.messages(note=told if step is sent[-1] else "")]
    return tool_limits.cut(said, kept.results_most), bool(told)


def _own(run: Run, answer: Mapping[str, Any], request: Mapping[str, Any]) -> tuple[list[Line], list[Line], int | None]:
    """The turn's messages, those of its answer, and the key of the message that it follows."""
    if run.conversation_id is None:
        messages = map(serialization.load_message, request.get("messages", ()))
        return [Line(None, tokens.estimate_message(message), message) for message in messages], [], None
    rows = MessageRow.objects.for_account(run.account_id).filter(run=run.pk, conversation=run.conversation_id)
    found = list(rows.order_by("pk").values_list("pk", "public_id", "role", "tokens", "parent"))
    if not found:
        # Being erased.
        raise errors.NotFound(NOT_FOUND)
    of_answer = 0 if run.status is RunStatus.FAILED else answer["messages"] or 0
    own = lines.of_rows([row[:4] for row in found])
    split = len(own) - of_answer
    return own[:split], own[split:], found[0][4]


def _named(request: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of the account's own tools: what they declared then may have been changed since."""
    return tuple(request.get("context", {}).get("tools", ()))


def _called(run: Run, answers: Sequence[Line]) -> tuple[str, ...]:
    """The tools that were called for the answer, and those that it calls."""
    made = ToolCall.objects.for_account(run.account_id).filter(run=run.pk).order_by("step", "index")
    own = tuple(made.values_list("name", flat=True)[: assemble.TOOLS_MAX])
    if run.conversation_id is None:
        return own
    whole = lines.with_parts(answers, account_id=run.account_id, conversation_id=run.conversation_id)
    calls = [part.name for line in whole for part in line.message.parts if isinstance(part, ToolCallPart)]
    return (*own, *calls)[: assemble.TOOLS_MAX]
