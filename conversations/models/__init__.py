"""Tables, constraints and QuerySet filters, one file per concept."""

from conversations.models.accounts.accounts import Account
from conversations.models.accounts.api_keys import ApiKey
from conversations.models.accounts.tallies import Tally
from conversations.models.conversations.conversations import Conversation
from conversations.models.conversations.messages import Message
from conversations.models.conversations.presets import Preset
from conversations.models.erasures import Erasure
from conversations.models.runs.active import ActiveRun
from conversations.models.runs.idempotency import IdempotencyKey
from conversations.models.runs.references import Reference
from conversations.models.runs.runs import Run, RunAttempt
from conversations.models.runs.tasks import Task
from conversations.models.runs.workers import Worker
from conversations.models.upkeep import Upkeep
from conversations.models.webhooks.deliveries import Delivery, DeliveryAttempt
from conversations.models.webhooks.endpoints import SigningSecret, WebhookEndpoint
from conversations.models.webhooks.events import Event

__all__ = [
    "Account",
    "ActiveRun",
    "ApiKey",
    "Conversation",
    "Delivery",
    "DeliveryAttempt",
    "Erasure",
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
