"""`/api/v1/keys` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.resources.api_keys import (
    ApiKeyPageSerializer,
    ApiKeySerializer,
    ApiKeyWithSecretSerializer,
    RotatedApiKeySerializer,
)
from conversations.views.api.accounts import keys
from conversations.views.api.pages import CursorParameters
from conversations.views.schema.operations import body_example, describe_view
from conversations.views.schema.responses import JSON, OF_ONE, WITH_BODY, errors, one, page

SCOPE = "For keys with the scope `keys`, about keys that may do no more than they may."

describe_view(
    keys.KeyListView,
    get=extend_schema(
        operation_id="keys_list",
        tags=["keys"],
        summary="Your API keys",
        description="The newest first, also those that were revoked.",
        parameters=[CursorParameters],
        responses=page(ApiKeyPageSerializer),
    ),
    post=extend_schema(
        operation_id="keys_create",
        tags=["keys"],
        summary="Make an API key",
        description=SCOPE,
        request={JSON: keys.KeySerializer},
        examples=[body_example("For one family", {"name": "Shop", "scopes": ["openai"], "requests_per_minute": 60})],
        responses=one(
            ApiKeyWithSecretSerializer,
            "With its secret, this once.",
            errors(400, 401, 403, 405, 413, 429, 503),
            status=201,
        ),
    ),
)
describe_view(
    keys.KeyDetailView,
    get=extend_schema(
        operation_id="keys_get",
        tags=["keys"],
        summary="One API key",
        responses=one(ApiKeySerializer, "The key.", OF_ONE),
    ),
    patch=extend_schema(
        operation_id="keys_change",
        tags=["keys"],
        summary="Change what an API key may do",
        description=f"{SCOPE} Takes effect within five seconds.",
        request={JSON: keys.KeySerializer},
        responses=one(ApiKeySerializer, "The key as it is now.", WITH_BODY),
    ),
    delete=extend_schema(
        operation_id="keys_revoke",
        tags=["keys"],
        summary="Revoke an API key",
        description=f"{SCOPE} It is refused within five seconds; answers that are being read go on.",
        responses=one(ApiKeySerializer, "The key as it is now.", OF_ONE),
    ),
)
describe_view(
    keys.KeyRotateView,
    post=extend_schema(
        operation_id="keys_rotate",
        tags=["keys"],
        summary="Replace an API key by a new one",
        description=f"{SCOPE} For a while both work.",
        request={JSON: keys.RotationSerializer},
        responses=one(RotatedApiKeySerializer, "The successor and its secret.", WITH_BODY),
    ),
)
