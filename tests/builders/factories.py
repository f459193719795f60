"""factory-boy factories: each makes the least valid row. A test states only what it is about."""

import datetime
import decimal
import uuid
from typing import Any

import factory as library
from factory.django import DjangoModelFactory

from conversations.models import (
    Account,
    ActiveRun,
    ApiKey,
    Assistant,
    AssistantVersion,
    Conversation,
    Delivery,
    DeliveryAttempt,
    Event,
    IdempotencyKey,
    Message,
    Preset,
    Price,
    Reference,
    Run,
    RunAttempt,
    UpstreamKey,
    UpstreamTarget,
    Visitor,
    WebhookEndpoint,
    Worker,
)
from conversations.rules import api_keys

A_MOMENT = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)

# factory-boy's declarations (Sequence, SubFactory, …) are typed only in part.
factory: Any = library


class AccountFactory(DjangoModelFactory[Account]):
    class Meta:
        model = Account

    name = factory.Sequence("account {}".format)


class ApiKeyFactory(DjangoModelFactory[ApiKey]):
    """`secret` is what the key's bearer would send."""

    class Meta:
        model = ApiKey

    class Params:
        secret = factory.Sequence("sk-{:040d}".format)

    account = factory.SubFactory(AccountFactory)
    prefix = factory.LazyAttribute(lambda key: api_keys.prefix(key.secret))
    key_hash = factory.LazyAttribute(lambda key: api_keys.hash_key(key.secret))


class PresetFactory(DjangoModelFactory[Preset]):
    class Meta:
        model = Preset

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence("preset {}".format)
    text = "You are helpful."


class PriceFactory(DjangoModelFactory[Price]):
    """Valid already, and shipped."""

    class Meta:
        model = Price

    vendor = "openai"
    model = factory.Sequence("model-{}".format)
    kind = "input"
    amount = decimal.Decimal("2.5")
    currency = "USD"
    valid_from = A_MOMENT
    source = "shipped"


class ActiveRunFactory(DjangoModelFactory[ActiveRun]):
    class Meta:
        model = ActiveRun

    account = factory.SelfAttribute("run.account")
    conversation = factory.SelfAttribute("run.conversation")


class RunFactory(DjangoModelFactory[Run]):
    """Queued unless it has ended. `active__…` are fields of its active row."""

    class Meta:
        model = Run
        skip_postgeneration_save = True

    class Params:
        is_completed = factory.Trait(attempt=1, finished_at=A_MOMENT)
        is_failed = factory.Trait(ended_as="failed", attempt=1, finished_at=A_MOMENT, error_code="upstream_failed")

    conversation = None
    account = factory.Maybe(
        "conversation",
        yes_declaration=factory.SelfAttribute("conversation.account"),
        no_declaration=factory.SubFactory(AccountFactory),
    )
    trace_id = factory.LazyFunction(uuid.uuid4)
    dialect = "aichat"
    model = "echo"
    context_window = 8_000
    finished_at = None
    active = factory.Maybe(
        "finished_at",
        yes_declaration=None,
        no_declaration=factory.RelatedFactory(ActiveRunFactory, factory_related_name="run"),
    )


class RunAttemptFactory(DjangoModelFactory[RunAttempt]):
    class Meta:
        model = RunAttempt

    run = factory.SubFactory(RunFactory, is_completed=True)
    account = factory.SelfAttribute("run.account")
    number = 1
    worker_name = "worker"
    started_at = A_MOMENT
    outcome = "completed"


class ReferenceFactory(DjangoModelFactory[Reference]):
    class Meta:
        model = Reference

    run = factory.SubFactory(RunFactory)
    account = factory.SelfAttribute("run.account")
    position = 0
    kind = "text"
    content = "A fact."


class IdempotencyKeyFactory(DjangoModelFactory[IdempotencyKey]):
    class Meta:
        model = IdempotencyKey

    account = factory.SubFactory(AccountFactory)
    key = factory.Sequence("key {}".format)
    body_hash = b"\0" * 32


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


URL = "https://hooks.example/in"
DESTINATION = "https://hooks.example:443"


class WebhookEndpointFactory(DjangoModelFactory[WebhookEndpoint]):
    class Meta:
        model = WebhookEndpoint

    account = factory.SubFactory(AccountFactory)
    url = URL
    events = ("*",)


class EventFactory(DjangoModelFactory[Event]):
    class Meta:
        model = Event

    account = factory.SubFactory(AccountFactory)
    type = "run.completed"
    sequence = factory.Sequence(lambda number: number + 1)
    payload = '{"type":"run.completed"}'


class DeliveryFactory(DjangoModelFactory[Delivery]):
    class Meta:
        model = Delivery

    class Params:
        is_callback = factory.Trait(
            kind="callback",
            endpoint=None,
            event=None,
            run=factory.SubFactory(RunFactory, account=factory.SelfAttribute("..account")),
            body='{"answer":"Hi"}',
        )
        has_succeeded = factory.Trait(status="succeeded", finished_at=A_MOMENT)
        has_failed = factory.Trait(status="failed", finished_at=A_MOMENT)

    account = factory.SubFactory(AccountFactory)
    kind = "endpoint"
    endpoint = factory.SubFactory(WebhookEndpointFactory, account=factory.SelfAttribute("..account"))
    event = factory.SubFactory(EventFactory, account=factory.SelfAttribute("..account"))
    url = URL
    destination = DESTINATION


class DeliveryAttemptFactory(DjangoModelFactory[DeliveryAttempt]):
    class Meta:
        model = DeliveryAttempt

    delivery = factory.SubFactory(DeliveryFactory)
    account = factory.SelfAttribute("delivery.account")
    number = 1
    started_at = A_MOMENT
    duration_ms = 250
    http_status = 500


class UpstreamKeyFactory(DjangoModelFactory[UpstreamKey]):
    """Nothing can be decrypted of it."""

    class Meta:
        model = UpstreamKey

    name = factory.Sequence("key {}".format)
    vendor = "openai"


class UpstreamTargetFactory(DjangoModelFactory[UpstreamTarget]):
    class Meta:
        model = UpstreamTarget

    model = factory.Sequence("model-{}".format)
    vendor = "openai"


class WorkerFactory(DjangoModelFactory[Worker]):
    """Alive now, by the database's clock."""

    class Meta:
        model = Worker

    name = factory.Sequence("worker {}".format)
    queue = "runs"


class AssistantFactory(DjangoModelFactory[Assistant]):
    """With its first version; `version_row__…` are fields of that."""

    class Meta:
        model = Assistant
        skip_postgeneration_save = True

    account = factory.SubFactory(AccountFactory)
    version_row = factory.RelatedFactory(
        "tests.builders.factories.AssistantVersionFactory", factory_related_name="assistant"
    )


class AssistantVersionFactory(DjangoModelFactory[AssistantVersion]):
    class Meta:
        model = AssistantVersion

    assistant = factory.SubFactory(AssistantFactory, version_row=None)
    account = factory.SelfAttribute("assistant.account")
    number = 1
    name = factory.Sequence("assistant {}".format)
    kind = "dialogue"


class VisitorFactory(DjangoModelFactory[Visitor]):
    """Without an id of its account's: nobody can name it."""

    class Meta:
        model = Visitor

    account = factory.SubFactory(AccountFactory)
