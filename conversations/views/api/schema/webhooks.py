"""Webhooks, in the document."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from conversations.models import Delivery
from conversations.views.api import callback_secret, deliveries, events, webhook_endpoints
from conversations.views.api.schema.runs import COUNT, LIMIT, TIME
from conversations.views.schema.answers import JSON, Json, errors, nullable, object_of
from conversations.views.schema.describe import describe
from conversations.webhooks import payloads
from conversations.webhooks.payloads import EventType

TEXT: Json = {"type": "string"}
EVENT_TYPES = [event_type.value for event_type in EventType]
MEMBERS: Json = {
    "id": TEXT,
    "object": {"type": "string", "const": "webhook_endpoint"},
    "url": TEXT,
    "events": {"type": "array", "items": {"type": "string", "enum": [payloads.ALL, *EVENT_TYPES]}},
    "description": TEXT,
    "enabled": {"type": "boolean"},
    "disabled_at": nullable(TIME),
    "disabled_reason": nullable(TEXT),
    "failing_since": nullable(TIME),
    "previous_secret_expires_at": nullable(TIME),
    "created_at": TIME,
}
ENDPOINT = object_of(MEMBERS)
ENDPOINT_WITH_SECRET = object_of({**MEMBERS, "secret": TEXT})
CALLBACK_SECRET = object_of(
    {
        "object": {"type": "string", "const": "callback_secret"},
        "secret": TEXT,
        "previous_secret_expires_at": nullable(TIME),
    }
)
EVENT = object_of(
    {
        "id": TEXT,
        "type": {"type": "string", "enum": EVENT_TYPES},
        "timestamp": TIME,
        "sequence": COUNT,
        "data": nullable({"type": "object"}),
    }
)
ATTEMPT = object_of(
    {
        "number": COUNT,
        "started_at": TIME,
        "duration_ms": COUNT,
        "http_status": nullable(COUNT),
        "error": nullable(TEXT),
        "response": TEXT,
    }
)
DELIVERY = object_of(
    {
        "id": TEXT,
        "object": {"type": "string", "const": "delivery"},
        "kind": {"type": "string", "enum": Delivery.Kind.values},
        "status": {"type": "string", "enum": Delivery.Status.values},
        "url": TEXT,
        "webhook_id": TEXT,
        "endpoint": nullable(TEXT),
        "event": nullable(TEXT),
        "event_type": nullable(TEXT),
        "run": nullable(TEXT),
        "created_at": TIME,
        "next_attempt_at": nullable(TIME),
        "finished_at": nullable(TIME),
        "attempts": {"type": "array", "items": ATTEMPT},
    }
)
TROUBLE = errors(400, 401, 403, 405, 429, 503)
TROUBLE_WITH_ONE = errors(400, 401, 403, 404, 405, 429, 503)
TROUBLE_WITH_BODY = errors(400, 401, 403, 404, 405, 413, 429, 503)


def _one(schema: Json, description: str, status: int = 200) -> dict[tuple[int, str], OpenApiResponse]:
    return {(status, JSON): OpenApiResponse(schema, description=description)}


def _page(item: Json) -> dict[tuple[int, str], OpenApiResponse]:
    members = {"results": {"type": "array", "items": item}, "next": nullable(TEXT)}
    return {(200, JSON): OpenApiResponse(object_of(members), description="One page; follow `next` until it is null.")}


describe(
    webhook_endpoints.EndpointListView,
    get=extend_schema(
        operation_id="webhook_endpoints_list",
        tags=["webhooks"],
        summary="Your webhook endpoints",
        responses={**_page(ENDPOINT), **TROUBLE},
    ),
    post=extend_schema(
        operation_id="webhook_endpoints_create",
        tags=["webhooks"],
        summary="Make a webhook endpoint",
        request={JSON: webhook_endpoints.EndpointSerializer},
        responses={**_one(ENDPOINT_WITH_SECRET, "With its secret, this once.", 201), **TROUBLE_WITH_BODY},
    ),
)
describe(
    webhook_endpoints.EndpointView,
    get=extend_schema(
        operation_id="webhook_endpoints_get",
        tags=["webhooks"],
        summary="One webhook endpoint",
        responses={**_one(ENDPOINT, "The endpoint."), **TROUBLE_WITH_ONE},
    ),
    patch=extend_schema(
        operation_id="webhook_endpoints_change",
        tags=["webhooks"],
        summary="Change, disable or enable a webhook endpoint",
        request={JSON: webhook_endpoints.EndpointChangeSerializer},
        responses={**_one(ENDPOINT, "The endpoint as it is now."), **TROUBLE_WITH_BODY},
    ),
    delete=extend_schema(
        operation_id="webhook_endpoints_delete",
        tags=["webhooks"],
        summary="Delete a webhook endpoint",
        responses={
            **_one(
                object_of({"id": TEXT, "object": TEXT, "deleted": {"type": "boolean", "const": True}}), "It is gone."
            ),
            **TROUBLE_WITH_ONE,
        },
    ),
)
describe(
    webhook_endpoints.EndpointRotateView,
    post=extend_schema(
        operation_id="webhook_endpoints_rotate",
        tags=["webhooks"],
        summary="Give a webhook endpoint a new secret",
        description="For 24 hours both sign.",
        request=None,
        responses={**_one(ENDPOINT_WITH_SECRET, "With its new secret, this once."), **TROUBLE_WITH_ONE},
    ),
)
describe(
    callback_secret.CallbackSecretView,
    get=extend_schema(
        operation_id="callback_secret_get",
        tags=["webhooks"],
        summary="What your callbacks are signed with",
        responses={**_one(CALLBACK_SECRET, "The current secret."), **TROUBLE},
    ),
)
describe(
    callback_secret.CallbackSecretRotateView,
    post=extend_schema(
        operation_id="callback_secret_rotate",
        tags=["webhooks"],
        summary="Have callbacks signed with a new secret",
        description="For 24 hours both sign.",
        request=None,
        responses={**_one(CALLBACK_SECRET, "The new secret."), **TROUBLE},
    ),
)
describe(
    events.EventListView,
    get=extend_schema(
        operation_id="events_list",
        tags=["webhooks"],
        summary="Events after the last one you have, the oldest first",
        parameters=[
            OpenApiParameter("after", str, description="An event's id; or, with `conversation`, its sequence."),
            OpenApiParameter("conversation", str, description="Only those of this conversation."),
            OpenApiParameter("type", str, enum=EVENT_TYPES),
            LIMIT,
        ],
        responses={**_page(EVENT), **TROUBLE},
    ),
)
describe(
    deliveries.DeliveryListView,
    get=extend_schema(
        operation_id="deliveries_list",
        tags=["webhooks"],
        summary="What was sent where, newest first",
        parameters=[
            OpenApiParameter("endpoint", str),
            OpenApiParameter("run", str),
            OpenApiParameter("event_type", str, enum=EVENT_TYPES),
            OpenApiParameter("status", str, enum=Delivery.Status.values),
            OpenApiParameter("since", TIME, description="Made at this time or later."),
            OpenApiParameter("until", TIME, description="Made before this time."),
            OpenApiParameter("cursor", str, description="Where the page before ended: part of its `next`."),
            LIMIT,
        ],
        responses={**_page(DELIVERY), **TROUBLE},
    ),
)
describe(
    deliveries.DeliveryView,
    get=extend_schema(
        operation_id="deliveries_get",
        tags=["webhooks"],
        summary="One delivery with its attempts",
        responses={**_one(DELIVERY, "The delivery."), **TROUBLE_WITH_ONE},
    ),
)
describe(
    deliveries.DeliveryReplayView,
    post=extend_schema(
        operation_id="deliveries_replay",
        tags=["webhooks"],
        summary="Send a delivery again, now",
        request=None,
        responses={**_one(DELIVERY, "The delivery as it is now."), **TROUBLE_WITH_ONE},
    ),
)
