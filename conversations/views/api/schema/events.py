"""`/api/v1/events` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.resources.webhooks.events import EventPageSerializer
from conversations.views.api.events import EventListParameters, EventListView
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import page

describe_view(
    EventListView,
    get=extend_schema(
        operation_id="events_list",
        tags=["webhooks"],
        summary="Events after the last one you have, the oldest first",
        parameters=[EventListParameters],
        responses=page(EventPageSerializer),
    ),
)
