"""Tables, constraints and QuerySet filters: one file per concept."""

from conversations.models.accounts import Account
from conversations.models.api_keys import ApiKey
from conversations.models.conversations import Conversation
from conversations.models.deliveries import Delivery, DeliveryAttempt
from conversations.models.events import Event
from conversations.models.idempotency import IdempotencyKey
from conversations.models.messages import Message
from conversations.models.presets import Preset
from conversations.models.references import Reference
from conversations.models.runs import Run, RunAttempt
from conversations.models.tallies import Tally
from conversations.models.tasks import Task
from conversations.models.upkeep import Upkeep
from conversations.models.webhook_endpoints import SigningSecret, WebhookEndpoint
from conversations.models.workers import Worker

__all__ = [
    "Account",
    "ApiKey",
    "Conversation",
    "Delivery",
    "DeliveryAttempt",
    "Event",
    "IdempotencyKey",
    "Message",
    "Preset",
    "Reference",
    "Run",
    "RunAttempt",
    "SigningSecret",
    "Tally",
    "Task",
    "Upkeep",
    "WebhookEndpoint",
    "Worker",
]
