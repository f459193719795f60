"""`/api/v1/webhook_endpoints` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.resources.webhooks.endpoints import (
    DeletedWebhookEndpointSerializer,
    WebhookEndpointPageSerializer,
    WebhookEndpointSerializer,
    WebhookEndpointWithSecretSerializer,
)
from conversations.views.api import webhook_endpoints
from conversations.views.schema.operations import body_example, describe_view
from conversations.views.schema.responses import JSON, OF_ONE, WITH_BODY, WITHOUT_ID, one

describe_view(
    webhook_endpoints.EndpointListView,
    get=extend_schema(
        operation_id="webhook_endpoints_list",
        tags=["webhooks"],
        summary="Your webhook endpoints",
        responses=one(WebhookEndpointPageSerializer, "All of them.", WITHOUT_ID),
    ),
    post=extend_schema(
        operation_id="webhook_endpoints_create",
        tags=["webhooks"],
        summary="Make a webhook endpoint",
        request={JSON: webhook_endpoints.EndpointCreateSerializer},
        examples=[
            body_example("Ended runs", {"url": "https://example.com/parley", "events": ["run.completed", "run.failed"]})
        ],
        responses=one(WebhookEndpointWithSecretSerializer, "With its secret, this once.", WITH_BODY, status=201),
    ),
)
describe_view(
    webhook_endpoints.EndpointDetailView,
    get=extend_schema(
        operation_id="webhook_endpoints_get",
        tags=["webhooks"],
        summary="One webhook endpoint",
        responses=one(WebhookEndpointSerializer, "The endpoint.", OF_ONE),
    ),
    patch=extend_schema(
        operation_id="webhook_endpoints_change",
        tags=["webhooks"],
        summary="Change, disable or enable a webhook endpoint",
        request={JSON: webhook_endpoints.EndpointChangeSerializer},
        responses=one(WebhookEndpointSerializer, "The endpoint as it is now.", WITH_BODY),
    ),
    delete=extend_schema(
        operation_id="webhook_endpoints_delete",
        tags=["webhooks"],
        summary="Delete a webhook endpoint",
        responses=one(DeletedWebhookEndpointSerializer, "It is gone.", OF_ONE),
    ),
)
describe_view(
    webhook_endpoints.EndpointRotateView,
    post=extend_schema(
        operation_id="webhook_endpoints_rotate",
        tags=["webhooks"],
        summary="Give a webhook endpoint a new secret",
        description="For 24 hours both sign.",
        request=None,
        responses=one(WebhookEndpointWithSecretSerializer, "With its new secret, this once.", OF_ONE),
    ),
)
