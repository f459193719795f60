"""`/api/v1/deliveries` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.resources.webhooks.deliveries import DeliveryPageSerializer, DeliverySerializer
from conversations.views.api import deliveries
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import OF_ONE, one, page

describe_view(
    deliveries.DeliveryListView,
    get=extend_schema(
        operation_id="deliveries_list",
        tags=["webhooks"],
        summary="What was sent where, newest first",
        parameters=[deliveries.DeliveryListParameters],
        responses=page(DeliveryPageSerializer),
    ),
)
describe_view(
    deliveries.DeliveryDetailView,
    get=extend_schema(
        operation_id="deliveries_get",
        tags=["webhooks"],
        summary="One delivery with its attempts",
        responses=one(DeliverySerializer, "The delivery.", OF_ONE),
    ),
)
describe_view(
    deliveries.DeliveryReplayView,
    post=extend_schema(
        operation_id="deliveries_replay",
        tags=["webhooks"],
        summary="Send a delivery again, now",
        request=None,
        responses=one(DeliverySerializer, "The delivery as it is now.", OF_ONE),
    ),
)
