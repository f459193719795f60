"""Tables, constraints and QuerySet filters, one file per concept."""

from conversations.models.accounts.accounts import Account
from conversations.models.accounts.api_keys import ApiKey
from conversations.models.accounts.tallies import Tally
from conversations.models.assistants.assistants import Assistant, AssistantVersion
from conversations.models.assistants.dialogues import AssistedRun, Dialogue
from conversations.models.assistants.intents import Intent
from conversations.models.conversations.conversations import Conversation
from conversations.models.conversations.messages import Message
from conversations.models.conversations.presets import Preset
from conversations.models.erasures import Erasure
from conversations.models.knowledge.bases import KnowledgeBase, KnowledgeUsage
from conversations.models.knowledge.contents import Content, Reading
from conversations.models.knowledge.documents import Document, DocumentContent, IndexingJob
from conversations.models.knowledge.passages import PassageIndex, PassageVector, StoredPassage, TermCount
from conversations.models.money.balances import Balance
from conversations.models.money.differences import LedgerDifference
from conversations.models.money.ledger import LedgerEntry
from conversations.models.money.prices import Price
from conversations.models.money.usage import UsageOfConversation, UsageOfDay
from conversations.models.runs.active import ActiveRun
from conversations.models.runs.idempotency import IdempotencyKey
from conversations.models.runs.references import Reference
from conversations.models.runs.runs import Run, RunAttempt
from conversations.models.runs.steps import RunStep, ToolCall
from conversations.models.runs.tasks import Task
from conversations.models.runs.workers import Worker
from conversations.models.tools.mcp_servers import McpServer
from conversations.models.tools.tools import Tool
from conversations.models.upkeep import Upkeep
from conversations.models.upstreams import UpstreamKey, UpstreamTarget, UpstreamVersion
from conversations.models.visitors.revocations import TokenRevocation
from conversations.models.visitors.secrets import VisitorSecret
from conversations.models.visitors.visitors import Visitor, VisitorIdentity
from conversations.models.webhooks.deliveries import Delivery, DeliveryAttempt
from conversations.models.webhooks.endpoints import SigningSecret, WebhookEndpoint
from conversations.models.webhooks.events import Event

__all__ = [
    "Account",
    "ActiveRun",
    "ApiKey",
    "Assistant",
    "AssistantVersion",
    "AssistedRun",
    "Balance",
    "Content",
    "Conversation",
    "Delivery",
    "DeliveryAttempt",
    "Dialogue",
    "Document",
    "DocumentContent",
    "Erasure",
    "Event",
    "IdempotencyKey",
    "IndexingJob",
    "Intent",
    "KnowledgeBase",
    "KnowledgeUsage",
    "LedgerDifference",
    "LedgerEntry",
    "McpServer",
    "Message",
    "PassageIndex",
    "PassageVector",
    "Preset",
    "Price",
    "Reading",
    "Reference",
    "Run",
    "RunAttempt",
    "RunStep",
    "SigningSecret",
    "StoredPassage",
    "Tally",
    "Task",
    "TermCount",
    "TokenRevocation",
    "Tool",
    "ToolCall",
    "Upkeep",
    "UpstreamKey",
    "UpstreamTarget",
    "UpstreamVersion",
    "UsageOfConversation",
    "UsageOfDay",
    "Visitor",
    "VisitorIdentity",
    "VisitorSecret",
    "WebhookEndpoint",
    "Worker",
]
