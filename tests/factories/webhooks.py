"""Webhook endpoints, events, deliveries and their attempts. A delivery is of an event and still owed."""

from factory.django import DjangoModelFactory

from conversations.models import Delivery, DeliveryAttempt, Event, WebhookEndpoint
from tests.factories.accounts import AccountFactory
from tests.factories.declarations import factory
from tests.factories.runs import A_MOMENT, RunFactory

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
    number = 1
    started_at = A_MOMENT
    duration_ms = 250
    http_status = 500
