"""A conversation whose thread grows by stored turns."""

from collections.abc import Callable

import pytest

from conversations.models import Conversation, Message
from tests.builders.factories import ConversationFactory, MessageFactory, RunAttemptFactory, RunFactory

Say = Callable[..., Message]


@pytest.fixture
def conversation(db: None) -> Conversation:
    return ConversationFactory.create(public_id="a-thread", preset_text="Be kind.", model="echo")


@pytest.fixture
def say(conversation: Conversation) -> Say:
    """Adds a completed turn to the end of the thread and returns its answer."""

    def turn(question: str, answer: str) -> Message:
        run = RunFactory.create(conversation=conversation, is_completed=True)
        RunAttemptFactory.create(run=run)
        about = {"conversation": conversation, "run": run}
        asked = MessageFactory.create(**about, text=question, parent_id=conversation.head_id)
        answered: Message = MessageFactory.create(**about, text=answer, parent=asked, role="assistant")
        conversation.head = answered
        conversation.save(update_fields=["head"])
        return answered

    return turn
