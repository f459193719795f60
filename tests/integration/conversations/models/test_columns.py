"""Every text that a request may hold fits its column, so the database never refuses it."""

import pytest
from django.db import models

from conversations.dialects import conversation_ids, model_names, registry
from conversations.dialects.aichat import references
from conversations.dialects.openai.chat import messages
from conversations.models import (
    Conversation,
    Delivery,
    McpServer,
    Message,
    Reference,
    Run,
    Task,
    Tool,
    Visitor,
    VisitorIdentity,
    WebhookEndpoint,
)
from conversations.outbound import guard, hosts
from conversations.rules.conversations import visitor_fields
from conversations.tools import mcp

LONGEST_DESTINATION = len("https://") + hosts.NAME_MAX_CHARS + len(":65535")


@pytest.mark.parametrize(
    ("model", "field", "accepted"),
    [
        (Message, "name", messages.NAME_MAX_CHARS),
        (Run, "model", model_names.MAX_CHARS),
        (Run, "dialect", max(map(len, registry.names()))),
        (Conversation, "public_id", conversation_ids.MAX_CHARS),
        (Task, "public_id", conversation_ids.MAX_CHARS),
        (Task, "callback_url", guard.URL_MAX_CHARS),
        (Delivery, "url", guard.URL_MAX_CHARS),
        (Delivery, "destination", LONGEST_DESTINATION),
        (WebhookEndpoint, "url", guard.URL_MAX_CHARS),
        (Tool, "url", guard.URL_MAX_CHARS),
        (McpServer, "url", guard.URL_MAX_CHARS),
        (McpServer, "problem", mcp.PROBLEM_MAX_CHARS),
        (Reference, "name", references.NAME_MAX_CHARS),
        *((Visitor, name, most) for name, most in visitor_fields.COLUMNS.items()),
        (VisitorIdentity, "external_id", visitor_fields.EXTERNAL_ID_MAX_CHARS),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_is_as_long_as_the_longest_accepted_text(model: type[models.Model], field: str, accepted: int) -> None:
    column = model._meta.get_field(field)

    assert isinstance(column, models.CharField)
    assert column.max_length is not None
    assert column.max_length >= accepted
