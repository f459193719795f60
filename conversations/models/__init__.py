"""Tables, constraints and QuerySet filters: one file per concept."""

from conversations.models.accounts import Account
from conversations.models.api_keys import ApiKey
from conversations.models.conversations import Conversation
from conversations.models.idempotency import IdempotencyKey
from conversations.models.messages import Message
from conversations.models.presets import Preset
from conversations.models.references import Reference
from conversations.models.runs import Run, RunAttempt
from conversations.models.workers import Worker

__all__ = [
    "Account",
    "ApiKey",
    "Conversation",
    "IdempotencyKey",
    "Message",
    "Preset",
    "Reference",
    "Run",
    "RunAttempt",
    "Worker",
]
