"""The turn that a chat request asks for (docs/contract C.2). Types of plain values were checked before.

`store` and `metadata` are not sent upstream: vendors refuse metadata of what they do not store.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from conversations.dialects import context_asked, conversation_ids
from conversations.dialects.openai import NAME
from conversations.dialects.openai.chat import messages, options
from conversations.dialects.openai.shared import answer_fields, request_fields
from conversations.errors import InvalidRequest
from conversations.rules import checks
from conversations.rules.conversations import visitor_fields
from conversations.rules.texts import storable
from conversations.values.assistants import VisitorGiven
from conversations.values.context.sources import ContextAsked
from conversations.values.requests import RunRequest
from providers.messages import EXTRA_BODY, FilePart, Message, Role, TextPart

TOOL_IDS = "tool_ids"
METADATA_MAX_PAIRS, METADATA_KEY_MAX_CHARS, METADATA_VALUE_MAX_CHARS = 16, 64, 512


def parse(
    fields: Mapping[str, Any],
    *,
    conversation_id: str = "",
    new_id: Callable[[], str],
    extra: Mapping[str, Any] = MappingProxyType({}),
) -> RunRequest:
    """The turn that the checked `fields` ask for; None in them is "not given". `extra` is for the vendor alone.

    `conversation_id` is the stored conversation to continue, "" for none; `metadata` may name it too. Such a caller may
    send all of it again, as SDKs do. Raises InvalidRequest, naming the place at fault.
    """
    model = request_fields.named_model(fields)
    if fields.get("messages") is None:
        raise InvalidRequest("messages is required", param="messages")
    said = messages.parse(fields["messages"])
    conversation_id = conversation_ids.checked(conversation_id, param="X-Conversation-Id") or _named_in_metadata(fields)
    is_stored = _is_stored(fields.get("store"), has_id=bool(conversation_id))
    given = len(said)
    preset, said = _preset(said) if is_stored else (None, said)
    chosen, context = options.parse(fields), _context(fields)
    _check_choices(chosen, context)
    return RunRequest(
        dialect=NAME,
        model=model,
        messages=said,
        conversation_id=conversation_id or (new_id() if is_stored else ""),
        begins_conversation=is_stored and not conversation_id,
        is_stored=is_stored,
        may_repeat_history=bool(conversation_id),
        preset=preset,
        options={**chosen, **options.extra_body(extra)},
        reply=_reply(fields, may_have_sources=context is not None or _has_files(said)),
        context=context,
        skipped=given - len(said),
        visitor=_visitor(fields) if is_stored else None,
    )


def with_extra(request: RunRequest, extra: Mapping[str, Any]) -> RunRequest:
    """With these of the fields that are for the vendor alone."""
    without = {name: value for name, value in request.options.items() if name != EXTRA_BODY}
    return replace(request, options={**without, EXTRA_BODY: extra} if extra else without)


def with_context(request: RunRequest) -> RunRequest:
    """The request with what its context, which an assistant has, means for its answer. Raises InvalidRequest."""
    _check_choices(request.options, request.context)
    may_have_sources = {answer_fields.MAY_HAVE_SOURCES: True} if request.context else {}
    return replace(request, reply={**request.reply, **may_have_sources})


def _check_choices(chosen: Mapping[str, Any], context: ContextAsked | None) -> None:
    if context and context.tools and (chosen.get("n") or 1) > 1:
        raise InvalidRequest(f"n must be 1 together with {TOOL_IDS}", param="n")


def _context(fields: Mapping[str, Any]) -> ContextAsked | None:
    """`tools` are the caller's own here, so ours have a field of another name."""
    return context_asked.parse(
        fields.get("knowledge"),
        web_search_options=fields.get("web_search_options"),
        tools=fields.get(TOOL_IDS),
        tools_param=TOOL_IDS,
    )


def _named_in_metadata(fields: Mapping[str, Any]) -> str:
    """The id in `metadata`, for SDKs that make it easier to change the body than a header."""
    given = fields.get("metadata")
    name = given.get("conversation_id", "") if isinstance(given, dict) else ""
    return conversation_ids.checked(name, param="metadata.conversation_id") if isinstance(name, str) else ""


def _is_stored(store: bool | None, *, has_id: bool) -> bool:
    """Nothing is stored unless asked for; to continue a conversation is to ask for it."""
    if has_id and store is False:
        raise InvalidRequest("store cannot be false in a conversation that is kept", param="store")
    return has_id or bool(store)


def _visitor(fields: Mapping[str, Any]) -> VisitorGiven | None:
    """Whom `user` names. It is sent to the vendor all the same; what cannot be an id of a visitor names none."""
    user = fields.get("user") or ""
    return VisitorGiven(user) if visitor_fields.is_external_id(user) else None


def _preset(said: tuple[Message, ...]) -> tuple[str | None, tuple[Message, ...]]:
    """The first system message of a stored turn becomes its preset: later turns inherit it, in any family."""
    first, *rest = said
    is_system = first.role in (Role.SYSTEM, Role.DEVELOPER)
    is_plain = first.name is None and first.provider_metadata is None and _is_plain_text(first)
    return (first.text, tuple(rest)) if is_system and is_plain and rest else (None, said)


def _is_plain_text(message: Message) -> bool:
    return all(isinstance(part, TextPart) and part.provider_metadata is None for part in message.parts)


def _has_files(said: Iterable[Message]) -> bool:
    return any(isinstance(part, FilePart) for message in said for part in message.parts)


def _reply(fields: Mapping[str, Any], *, may_have_sources: bool) -> dict[str, Any]:
    """What the form of the answer depends on, and what is kept only here."""
    reply: dict[str, Any] = {}
    if request_fields.wants_usage(fields):
        reply["include_usage"] = True
    if "functions" in fields:
        reply["functions"] = True
    if may_have_sources:
        reply[answer_fields.MAY_HAVE_SOURCES] = True
    if "metadata" in fields:
        reply["metadata"] = _metadata(fields["metadata"])
    return reply


def _metadata(given: Any) -> dict[str, str]:
    if len(checks.obj(given, "metadata")) > METADATA_MAX_PAIRS:
        checks.refuse("metadata", f"has more than {METADATA_MAX_PAIRS} pairs")
    for key in given:
        if len(storable(key, param="metadata")) > METADATA_KEY_MAX_CHARS:
            checks.refuse("metadata", f"has a key of more than {METADATA_KEY_MAX_CHARS} characters")
        if len(checks.text(given, key, "metadata")) > METADATA_VALUE_MAX_CHARS:
            checks.refuse(f"metadata.{key}", f"is longer than {METADATA_VALUE_MAX_CHARS} characters")
    return dict(given)
