"""The turn that a request of `/v1/openapi/chat` asks of its assistant (docs/contract D.2, D.4).

What the assistant has besides is added to it by `rules.assistants.merging`, as in every family.
"""

from dataclasses import replace

from conversations.dialects.yuju import NAME
from conversations.dialects.yuju.chat.parse import HANDLER, Asked
from conversations.errors import InvalidRequest
from conversations.values.assistants import AssistantConfig, Fallback, FallbackHandler, VisitorGiven
from conversations.values.callers import Caller
from conversations.values.context.sources import ContextAsked
from conversations.values.requests import RunRequest
from providers.messages import Message, Role, TextPart

VISITOR_ID = "visitorId"


def draft(asked: Asked) -> RunRequest:
    """As far as it is known without the assistant: nothing stores it."""
    return RunRequest(
        dialect=NAME,
        model=asked.model,
        messages=_messages(asked.content),
        conversation_id="",
        is_stored=False,
        preset=asked.system,
        options=asked.options,
        reply={VISITOR_ID: asked.visitor.external_id} if asked.visitor else {},
        context=ContextAsked(
            asked.knowledge,
            bool(asked.search),
            tools=asked.tools,
            fallback=Fallback(asked.handler or FallbackHandler.CUSTOM, asked.fix_text),
            intents=asked.intents,
        ),
        visitor=asked.visitor,
        answer_form=asked.form,
    )


def in_name_of(asked: Asked, visitor: VisitorGiven | None, caller: Caller) -> Asked:
    """Of a client token: its visitor, its assistant where it has one, and of the fallback what the assistant has.

    Of an API key as it is.
    """
    if not caller.visitor:
        return asked
    return replace(asked, visitor=visitor, assistant=asked.assistant or caller.assistant, handler=None)


def of(asked: Asked, config: AssistantConfig, *, new_id: str) -> RunRequest:
    """For an assistant that remembers its visitors in the visitor's thread, which is `new_id` when there is none yet.

    Raises InvalidRequest.
    """
    made = draft(asked)
    is_thread = config.has_context and asked.visitor is not None
    return replace(
        made,
        messages=_messages(asked.decoded if config.decodes_base64 else asked.content),
        conversation_id=new_id if is_thread else "",
        begins_conversation=is_thread,
        is_stored=is_thread,
        is_thread=is_thread,
        context=replace(made.context or ContextAsked(), fallback=_fallback(asked, config.fallback)),
    )


def _messages(content: str) -> tuple[Message, ...]:
    return (Message(Role.USER, (TextPart(content),)),)


def _fallback(asked: Asked, own: Fallback) -> Fallback:
    """A text that is given replaces the assistant's also where it is the assistant that answers by a text."""
    chosen = Fallback(asked.handler or own.handler, asked.fix_text or own.text)
    if chosen.handler is FallbackHandler.FIX and not chosen.text:
        raise InvalidRequest(f"fix_content is required where {HANDLER} is fix", param="fix_content")
    return chosen
