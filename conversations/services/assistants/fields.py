"""What a version of an assistant says, and whether it may."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from conversations import routing
from conversations.errors import InvalidRequest
from conversations.models import AssistantVersion
from conversations.models.assistants.assistants import (
    FALLBACK_MAX_CHARS,
    GREETING_MAX_CHARS,
    HISTORY_MOST,
    NAME_MAX_CHARS,
    PROMPT_MAX_CHARS,
)
from conversations.rules import checks, texts
from conversations.rules.assistants import models
from conversations.rules.generation import preset_options
from conversations.values.assistants import AssistantKind, FallbackHandler
from conversations.values.requests import Operation

MODEL_MAX_CHARS, ID_MAX_CHARS = 200, 40
# As many as a request may name.
LISTS: Mapping[str, int] = {"knowledge": 16, "tools": 32, "intents": 32}
TEXTS: Mapping[str, int] = {
    "model": MODEL_MAX_CHARS,
    "prompt": PROMPT_MAX_CHARS,
    "fallback_text": FALLBACK_MAX_CHARS,
    "greeting": GREETING_MAX_CHARS,
}


@dataclass(frozen=True, slots=True)
class AssistantFields:
    """The columns of a version that its owner chooses, with what they are when nothing is said."""

    name: str = ""
    kind: str = AssistantKind.DIALOGUE.value
    model: str = ""
    prompt: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    has_context: bool = True
    history_most: int | None = None
    knowledge: Sequence[str] = ()
    tools: Sequence[str] = ()
    intents: Sequence[str] = ()
    search: bool = False
    fallback: str = FallbackHandler.CUSTOM.value
    fallback_text: str = ""
    decodes_base64: bool = True
    greeting: str = ""
    requires_token: bool = False

    @classmethod
    def of(cls, version: AssistantVersion) -> Self:
        return cls(**{name: getattr(version, name) for name in NAMES})

    def columns(self) -> dict[str, Any]:
        return {name: list(value) if name in LISTS else value for name in NAMES for value in (getattr(self, name),)}


NAMES = tuple(one.name for one in fields(AssistantFields))


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields as they are stored. Raises InvalidRequest that names the one at fault."""
    values = dict(given)
    if "name" in values:
        values["name"] = texts.named(checks.string(values["name"], "name"), param="name", most=NAME_MAX_CHARS)
    for name in [name for name in TEXTS if name in values]:
        values[name] = checks.short(checks.string(values[name], name), name, most=TEXTS[name])
    for name in [name for name in LISTS if name in values]:
        values[name] = _ids(values[name], name)
    if "options" in values:
        values["options"] = preset_options.checked(values["options"], param="options")
    return values


def check_together(asked: AssistantFields) -> None:
    """Whether the parts fit together, and each is one that there is. Raises InvalidRequest."""
    if not asked.name:
        raise InvalidRequest("name is required", param="name")
    _one_of(asked.kind, "kind", tuple(AssistantKind))
    _one_of(asked.fallback, "fallback", tuple(FallbackHandler))
    if asked.history_most is not None and not 0 <= asked.history_most <= HISTORY_MOST:
        raise InvalidRequest(f"history_most must be from 0 to {HISTORY_MOST}, or null", param="history_most")
    if asked.fallback == FallbackHandler.FIX and not asked.fallback_text.strip():
        raise InvalidRequest('fallback_text is required with the fallback "fix"', param="fallback_text")
    if asked.knowledge and asked.kind == AssistantKind.DIALOGUE:
        raise InvalidRequest('knowledge must be empty for the kind "dialogue"', param="knowledge")
    if asked.tools and asked.kind != AssistantKind.TOOL:
        raise InvalidRequest('tools must be empty but for the kind "tool"', param="tools")


def check_model(model: str, *, allowed: Sequence[str]) -> None:
    """Raises InvalidRequest, UnknownModel, ModelNotConfigured and ModelForbidden for one that cannot answer."""
    if models.is_assistant(model):
        raise InvalidRequest("model must not be an assistant", param="model")
    if model:
        routing.entry_for(model, operation=Operation.CHAT, patterns=allowed)


def _one_of(value: str, name: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidRequest(f"{name} must be one of {', '.join(known)}", param=name)


def _ids(given: Any, name: str) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InvalidRequest(f"{name} must be an array of ids", param=name)
    if len(given) > LISTS[name]:
        raise InvalidRequest(f"{name} has more than {LISTS[name]} elements", param=name)
    return list(dict.fromkeys(checks.short(checks.string(one, name), name, most=ID_MAX_CHARS) for one in given))
