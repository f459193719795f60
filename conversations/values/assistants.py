"""Assistants and visitors as a turn uses them (docs/contract D.2, D.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class AssistantKind(StrEnum):
    """What of a request means anything to it (docs/contract D.2): `dialogue` takes a model, the others knowledge, and
    `tool` alone takes tools.
    """

    DIALOGUE = "dialogue"
    KNOWLEDGE = "knowledge"
    TOOL = "tool"


class FallbackHandler(StrEnum):
    """What happens when the knowledge bases of a turn hold nothing that fits its question (docs/contract D.2)."""

    CUSTOM = "custom"
    FIX = "fix"
    WEB_SEARCH = "web_search"


@dataclass(frozen=True, slots=True)
class Fallback:
    """`text` is the whole answer of `fix`: no model is asked."""

    handler: FallbackHandler = FallbackHandler.CUSTOM
    text: str = ""


class AnswerForm(StrEnum):
    """What the model is told of the form of its answer; the answer itself is never changed."""

    TEXT = "text"
    MARKDOWN = "markdown"


class Given(StrEnum):
    """What of a request's context replaces its assistant's, also where the request says nothing but none."""

    KNOWLEDGE = "knowledge"
    SEARCH = "search"
    TOOLS = "tools"
    INTENTS = "intents"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class AssistantConfig:
    """The newest version of an assistant, as a turn uses it.

    `model` is that of the setting DEFAULT_MODEL where the version names none, `options` are those that rules take
    today, `knowledge` and `tools` those that the account still has. `prompt` is as a request's `preset`: the name of a
    stored preset, or a text. `history_most`: how many earlier messages the model is shown, None for as many as fit.
    `has_context`: turns of a visitor belong to one thread. `decodes_base64`: the rule of docs/contract D.5 holds for
    `content`. `requires_token`: only a client token may ask it in the name of a visitor.
    """

    pk: int
    public_id: str
    version: int
    kind: AssistantKind
    name: str
    model: str = ""
    prompt: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    has_context: bool = True
    history_most: int | None = None
    knowledge: tuple[str, ...] = ()
    search: bool = False
    tools: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    fallback: Fallback = Fallback()
    decodes_base64: bool = True
    greeting: str = ""
    requires_token: bool = False
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class AssistantUsed:
    """Which assistant, in which version, a request was made for."""

    pk: int
    public_id: str
    version: int


@dataclass(frozen=True, slots=True)
class VisitorGiven:
    """Whom a request is of: `external_id` is the customer's own name for its user. `attributes` are for a new one."""

    external_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IntentMatch:
    """Whether a question satisfied an intent. `is_satisfied` None: that could not be found out."""

    id: str
    name: str
    is_satisfied: bool | None


@dataclass(frozen=True, slots=True)
class IntentDefinition:
    """What a question may satisfy, by a name, a description and questions that do. `id` is public."""

    id: str
    name: str
    description: str = ""
    examples: tuple[str, ...] = ()
