"""The JSON of our own API's objects, in its answers and in webhooks: one serializer for each, one file a concept.

The OpenAPI document is derived from the same serializers, whose docstrings become its descriptions.
"""

from conversations.resources.client_tokens import client_token
from conversations.resources.conversations import conversation
from conversations.resources.erasures import erasure
from conversations.resources.runs.receipts import receipt
from conversations.resources.runs.runs import run
from conversations.resources.webhooks.deliveries import delivery
from conversations.resources.webhooks.endpoints import endpoint
from conversations.resources.webhooks.events import event

__all__ = ["client_token", "conversation", "delivery", "endpoint", "erasure", "event", "receipt", "run"]
