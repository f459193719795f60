"""The turn that a request of `/v1/openapi/chat` asks of its assistant (docs/contract D.2, D.4)."""

from dataclasses import replace

from conversations.dialects.yuju import NAME
from conversations.dialects.yuju.chat.parse import HANDLER, Asked
from conversations.errors import InvalidRequest
from conversations.values.assistants import AssistantConfig, AssistantKind, AssistantUsed, Fallback, FallbackHandler
from conversations.values.context.sources import ContextAsked
from conversations.values.requests import RunRequest
from providers.messages import Message, Role, TextPart

VISITOR_ID = "visitorId"


def draft(asked: Asked) -> RunRequest:
    """As far as it is known without the assistant: its size can be judged."""
    return RunRequest(
        dialect=NAME,
        model="",
        messages=_messages(asked.content),
        conversation_id="",
        is_stored=False,
        options=asked.options,
        preset=asked.system,
    )


def of(asked: Asked, config: AssistantConfig, *, thread: str, new_id: str) -> RunRequest:
    """`thread`: the conversation that the visitor has with the assistant, "" for none yet; then it begins `new_id`.

    Raises InvalidRequest.
    """
    is_thread = asked.visitor is not None and config.has_context
    visitor_id = asked.visitor.external_id if asked.visitor else None
    return RunRequest(
        dialect=NAME,
        model=(asked.model if config.kind is AssistantKind.DIALOGUE else "") or config.model,
        messages=_messages(asked.decoded if config.decodes_base64 else asked.content),
        conversation_id=(thread or new_id) if is_thread else "",
        begins_conversation=is_thread and not thread,
        is_stored=is_thread,
        # "" clears what an earlier call has left in the thread.
        preset=config.prompt if asked.system is None else asked.system,
        options={**config.options, **asked.options},
        reply={VISITOR_ID: visitor_id},
        context=_context(asked, config) or None,
        assistant=AssistantUsed(config.pk, config.public_id, config.version),
        visitor=asked.visitor,
        is_thread=is_thread,
        history_most=config.history_most,
        answer_form=asked.form,
    )


def _messages(content: str) -> tuple[Message, ...]:
    return (Message(Role.USER, (TextPart(content),)),)


def _context(asked: Asked, config: AssistantConfig) -> ContextAsked:
    kind = config.kind
    return ContextAsked(
        knowledge=() if kind is AssistantKind.DIALOGUE else asked.knowledge or config.knowledge,
        search=config.search if asked.search is None else asked.search,
        tools=(asked.tools or config.tools) if kind is AssistantKind.TOOL else (),
        fallback=_fallback(asked, config.fallback),
        intents=asked.intents or config.intents,
    )


def _fallback(asked: Asked, own: Fallback) -> Fallback:
    """A text that is given replaces the assistant's also where the way to handle it is the assistant's."""
    chosen = replace(own, handler=asked.handler or own.handler, text=asked.fix_text or own.text)
    if chosen.handler is FallbackHandler.FIX and not chosen.text:
        raise InvalidRequest(f"fix_content is required where {HANDLER} is fix", param="fix_content")
    return chosen
