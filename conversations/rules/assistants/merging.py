"""A request with what its assistant has. What the request gives itself replaces that (docs/contract D.2)."""

from collections.abc import Set
from dataclasses import replace

from conversations.rules.assistants.models import is_assistant
from conversations.rules.generation import preset_options
from conversations.values.assistants import AssistantConfig, AssistantKind, AssistantUsed, Fallback, Given
from conversations.values.context.sources import ContextAsked
from conversations.values.requests import RunRequest
from providers.messages import Role

NOTHING_ASKED = ContextAsked()


def applied(config: AssistantConfig, request: RunRequest, *, given: Set[Given] = frozenset()) -> RunRequest:
    """The request as it is accepted, for a `config` whose `model` is not "".

    `given` is what the request says of its context, also where that is empty: an empty list is none, not the
    assistant's. What means nothing to the assistant's kind is left out.
    """
    # Other kinds have the model that was chosen for what they do.
    may_choose = config.kind is AssistantKind.DIALOGUE and not is_assistant(request.model)
    return replace(
        request,
        model=(request.model if may_choose else "") or config.model,
        preset=_preset(config, request),
        options=preset_options.with_own(config.options, request.options),
        # One that asks for nothing may still say how a lack of knowledge is handled.
        context=_context(config, NOTHING_ASKED if request.context is None else request.context, given) or None,
        assistant=AssistantUsed(config.pk, config.public_id, config.version),
        history_most=config.history_most,
    )


def _preset(config: AssistantConfig, request: RunRequest) -> str:
    """Always given: one that an earlier turn left in the conversation would stand for the assistant's otherwise."""
    if request.preset is not None:
        return request.preset
    has_own = bool(request.messages) and request.messages[0].role in (Role.SYSTEM, Role.DEVELOPER)
    return "" if has_own else config.prompt


def _context(config: AssistantConfig, asked: ContextAsked, given: Set[Given]) -> ContextAsked:
    knowledge = asked.knowledge if asked.knowledge or Given.KNOWLEDGE in given else config.knowledge
    tools = asked.tools if asked.tools or Given.TOOLS in given else config.tools
    if config.kind is AssistantKind.DIALOGUE:
        knowledge = ()
    return replace(
        asked,
        knowledge=knowledge,
        search=asked.search if asked.search or Given.SEARCH in given else config.search,
        tools=tools if config.kind is AssistantKind.TOOL else (),
        intents=asked.intents if asked.intents or Given.INTENTS in given else config.intents,
        fallback=_fallback(config, asked, given) if knowledge else Fallback(),
    )


def _fallback(config: AssistantConfig, asked: ContextAsked, given: Set[Given]) -> Fallback:
    return asked.fallback if asked.fallback != Fallback() or Given.FALLBACK in given else config.fallback
