"""What a request of `/v1/openapi/chat` says (docs/contract D.2), before its assistant is known.

Types were checked before. Every value is checked here, whatever the kind of the assistant turns out to be; which of
them mean anything to it is decided in `turn.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conversations.dialects import context_asked, model_names
from conversations.dialects.yuju.chat import base64_content, numbers
from conversations.errors import InvalidRequest
from conversations.rules.assistants import models
from conversations.rules.conversations import visitor_fields
from conversations.rules.texts import storable
from conversations.values.assistants import AnswerForm, FallbackHandler, VisitorGiven
from conversations.values.context.sources import ContextAsked

OPTIONS = ("temperature", "max_tokens")
ATTRIBUTES = "fielditem"
FIX_MAX_CHARS = 20_000
INTENTS_MAX = 32
HANDLER = "handler_type"


@dataclass(frozen=True, slots=True)
class Asked:
    """None, and "" in a text, is "not given". `assistant`: its public id. `decoded` is `content` without its base64, or
    the same text.
    """

    content: str
    decoded: str
    assistant: str = ""
    visitor: VisitorGiven | None = None
    model: str = ""
    system: str | None = None
    knowledge: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    search: bool | None = None
    handler: FallbackHandler | None = None
    fix_text: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    form: AnswerForm | None = None


def parse(fields: Mapping[str, Any]) -> Asked:
    """Raises InvalidRequest, naming the field."""
    content = _content(fields.get("content") or "")
    named = _context(fields)
    return Asked(
        content=content,
        decoded=storable(base64_content.decoded(content), param="content"),
        assistant=_text(fields, "ibotID", most=context_asked.ID_MAX_CHARS).strip(),
        visitor=_visitor(fields),
        model=_model(fields.get("chatMode") or ""),
        system=_text(fields, "system") or None,
        knowledge=named.knowledge,
        tools=named.tools,
        intents=_intents(fields),
        search=fields.get("search"),
        handler=_handler(fields.get(HANDLER) or ""),
        fix_text=_text(fields, "fix_content", most=FIX_MAX_CHARS),
        options=_options(fields),
        form=_form(fields.get("return_format") or ""),
    )


def _content(given: str) -> str:
    if not given.strip():
        raise InvalidRequest("content is required", param="content")
    return storable(given, param="content")


def _model(given: str) -> str:
    name = model_names.checked(given).strip()
    if models.is_assistant(name):
        raise InvalidRequest("chatMode must be the key of a model; an assistant is named by ibotID", param="chatMode")
    return name


def _text(fields: Mapping[str, Any], name: str, *, most: int | None = None) -> str:
    text: str = fields.get(name) or ""
    if most is not None and len(text) > most:
        raise InvalidRequest(f"{name} is longer than {most} characters", param=name)
    return storable(text, param=name) if text.strip() else ""


def _visitor(fields: Mapping[str, Any]) -> VisitorGiven | None:
    external_id = _text(fields, "visitorId", most=visitor_fields.EXTERNAL_ID_MAX_CHARS)
    given = {name: value for name, value in (fields.get(ATTRIBUTES) or {}).items() if value is not None}
    visitor_fields.of_attributes(given, param=ATTRIBUTES)
    return VisitorGiven(external_id, given) if external_id else None


def _context(fields: Mapping[str, Any]) -> ContextAsked:
    return context_asked.parse(fields.get("knowledge"), tools=fields.get("tools")) or ContextAsked()


def _intents(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Unknown ones are ignored, so those that cannot be ids are as well."""
    given = (storable(one, param="intention") for one in fields.get("intention") or ())
    return tuple(dict.fromkeys(one for one in given if 1 <= len(one) <= context_asked.ID_MAX_CHARS))


def _handler(given: str) -> FallbackHandler | None:
    word = given.strip()
    if word and word not in set(FallbackHandler):
        raise InvalidRequest(f"{HANDLER} must be one of {', '.join(FallbackHandler)}", param=HANDLER)
    return FallbackHandler(word) if word else None


def _options(fields: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: numbers.parse(name, fields[name]) for name in OPTIONS if name in fields}
    return {name: value for name, value in found.items() if value is not None}


def _form(given: str) -> AnswerForm | None:
    """A format that is not known behaves as `text`."""
    word = given.strip().lower()
    if not word:
        return None
    return AnswerForm.MARKDOWN if word == AnswerForm.MARKDOWN else AnswerForm.TEXT
