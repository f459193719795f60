"""The turn that a v1 request asks for (docs/contract A.2, A.6). Types were checked before; `references.py` has A.7."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from conversations.dialects import context_asked, conversation_ids, model_names
from conversations.dialects.aichat import NAME, references
from conversations.errors import InvalidRequest, NotYetServed
from conversations.rules.texts import storable
from conversations.values.requests import ReferenceGiven, RunRequest
from providers.messages import Message, Part, Role, TextPart

# For vendors that take a message as one string its texts are joined with nothing between them.
PART_SEPARATOR = "\n\n"


def parse(fields: Mapping[str, Any], *, new_id: Callable[[], str]) -> RunRequest:
    """The turn that the checked `fields` ask for. None and "" are "not given"; only in `preset` "" means more.

    Its `model` is "" where none was given, but a preset or a conversation that may have one.

    Raises InvalidRequest and NotYetServed, naming the field.
    """
    model = named_model(fields)
    conversation_id = conversation_ids.checked(fields.get("id") or "", param="id")
    is_stored = _is_stored(fields.get("stateful"), has_id=bool(conversation_id))
    preset = fields.get("preset")
    has_preset = bool(preset) or (preset is None and is_stored and bool(conversation_id))
    if not model and not has_preset:
        raise model_is_required()
    given = references.parse(fields.get("references") or ())
    question = _question(fields.get("question") or "", is_needed=not given)
    return RunRequest(
        dialect=NAME,
        model=model,
        messages=(Message(Role.USER, _parts(question, given)),),
        conversation_id=conversation_id or new_id(),
        begins_conversation=is_stored and not conversation_id,
        is_stored=is_stored,
        preset=None if preset is None else storable(preset, param="preset"),
        references=given,
        context=context_asked.of_model(
            context_asked.parse(fields.get("knowledge"), search=bool(fields.get("search")), tools=fields.get("tools")),
            model,
        ),
    )


def with_model(request: RunRequest, model: str) -> RunRequest:
    """The request with the model that its preset names."""
    return replace(request, model=model, context=context_asked.of_model(request.context, model))


def trace_id(fields: Mapping[str, Any]) -> uuid.UUID | None:
    """The caller's own, if it gave one (docs/contract A.9). Raises InvalidRequest for what is no UUID."""
    if not (given := fields.get("trace_id")):
        return None
    try:
        read = uuid.UUID(given)
    except ValueError:
        read = None
    # UUID() also takes braces, and hyphens anywhere: a caller would not find its id again in the normal form.
    if read is None or str(read) != given.lower():
        raise InvalidRequest("trace_id must be a UUID", param="trace_id")
    return read


def _refuse_other_actions(fields: Mapping[str, Any]) -> None:
    """The first check: the vendor's frontend sends its list and delete actions without a model or a question."""
    if (fields.get("action") or "chat") != "chat":
        raise NotYetServed('Only the action "chat" is served.', param="action")


def model_is_required() -> InvalidRequest:
    return InvalidRequest("model is required", param="model")


def named_model(fields: Mapping[str, Any]) -> str:
    """The name of the model that is asked, or "". Raises InvalidRequest, and before that NotYetServed."""
    _refuse_other_actions(fields)
    return model_names.checked(fields.get("model") or "").strip()


def _question(given: str, *, is_needed: bool) -> str:
    if given.strip():
        return storable(given, param="question")
    if is_needed:
        raise InvalidRequest("question is required", param="question")
    return ""


def _is_stored(stateful: bool | None, *, has_id: bool) -> bool:
    """`stateful` wins where it is given; an id alone continues its conversation; else nothing is stored (A.6)."""
    return has_id if stateful is None else stateful


def _parts(question: str, given: Sequence[ReferenceGiven]) -> tuple[Part, ...]:
    """The question first, and every further text separated from what comes before it."""
    parts: list[Part] = [TextPart(question)] if question else []
    for part in references.parts(given):
        parts.append(TextPart(PART_SEPARATOR + part.text) if parts and isinstance(part, TextPart) else part)
    return tuple(parts)
