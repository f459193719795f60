"""Conversations and their messages."""

from factory.django import DjangoModelFactory

from conversations.models import Conversation, Message
from tests.factories.accounts import AccountFactory
from tests.factories.declarations import factory
from tests.factories.runs import RunFactory


class ConversationFactory(DjangoModelFactory[Conversation]):
    class Meta:
        model = Conversation

    account = factory.SubFactory(AccountFactory)
    public_id = factory.Sequence("conversation-{}".format)


class MessageFactory(DjangoModelFactory[Message]):
    """`text` becomes the only part. The conversation's head stays where it is."""

    class Meta:
        model = Message

    class Params:
        text = "Hello"

    conversation = factory.SubFactory(ConversationFactory)
    account = factory.SelfAttribute("conversation.account")
    run = factory.SubFactory(RunFactory, conversation=factory.SelfAttribute("..conversation"))
    role = "user"
    parts = factory.LazyAttribute(lambda message: [{"type": "text", "text": message.text}])
    tokens = 1
