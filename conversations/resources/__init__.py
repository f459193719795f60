"""The JSON of our own API's objects, in its answers and in webhooks: one serializer for each, one file a concept.

The OpenAPI document is derived from the same serializers, whose docstrings become its descriptions.
"""

from conversations.resources.conversations import conversation
from conversations.resources.deliveries import delivery
from conversations.resources.erasures import erasure
from conversations.resources.events import event
from conversations.resources.runs import run
from conversations.resources.webhook_endpoints import endpoint

__all__ = ["conversation", "delivery", "endpoint", "erasure", "event", "run"]
