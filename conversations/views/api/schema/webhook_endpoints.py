"""`/api/v1/webhook_endpoints` in the document."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.resources.webhooks.endpoints import (
    DeletedWebhookEndpointSerializer,
    WebhookEndpointPageSerializer,
    WebhookEndpointSerializer,
    WebhookEndpointWithSecretSerializer,
)
from conversations.views.api import webhook_endpoints
from conversations.views.schema.operations import body_example, describe_view
from conversations.views.schema.responses import JSON, OF_ONE, WITH_BODY, WITHOUT_ID

describe_view(
    webhook_endpoints.EndpointListView,
    get=extend_schema(
        operation_id="webhook_endpoints_list",
        tags=["webhooks"],
        summary="Your webhook endpoints",
        responses={
            (200, JSON): OpenApiResponse(WebhookEndpointPageSerializer, description="All of them."),
            **WITHOUT_ID,
        },
    ),
    post=extend_schema(
        operation_id="webhook_endpoints_create",
        tags=["webhooks"],
        summary="Make a webhook endpoint",
        request={JSON: webhook_endpoints.EndpointCreateSerializer},
        examples=[
            body_example("Ended runs", {"url": "https://example.com/parley", "events": ["run.completed", "run.failed"]})
        ],
        responses={
            (201, JSON): OpenApiResponse(
                WebhookEndpointWithSecretSerializer, description="With its secret, this once."
            ),
            **WITH_BODY,
        },
    ),
)
describe_view(
    webhook_endpoints.EndpointDetailView,
    get=extend_schema(
        operation_id="webhook_endpoints_get",
        tags=["webhooks"],
        summary="One webhook endpoint",
        responses={(200, JSON): OpenApiResponse(WebhookEndpointSerializer, description="The endpoint."), **OF_ONE},
    ),
    patch=extend_schema(
        operation_id="webhook_endpoints_change",
        tags=["webhooks"],
        summary="Change, disable or enable a webhook endpoint",
        request={JSON: webhook_endpoints.EndpointChangeSerializer},
        responses={
            (200, JSON): OpenApiResponse(WebhookEndpointSerializer, description="The endpoint as it is now."),
            **WITH_BODY,
        },
    ),
    delete=extend_schema(
        operation_id="webhook_endpoints_delete",
        tags=["webhooks"],
        summary="Delete a webhook endpoint",
        responses={(200, JSON): OpenApiResponse(DeletedWebhookEndpointSerializer, description="It is gone."), **OF_ONE},
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
        responses={
            (200, JSON): OpenApiResponse(
                WebhookEndpointWithSecretSerializer, description="With its new secret, this once."
            ),
            **OF_ONE,
        },
    ),
)
