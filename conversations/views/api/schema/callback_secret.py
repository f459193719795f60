"""`/api/v1/callback_secret` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.resources.webhooks.callback_secrets import CallbackSecretSerializer
from conversations.views.api.callback_secret import CallbackSecretRotateView, CallbackSecretView
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import WITHOUT_ID, one

describe_view(
    CallbackSecretView,
    get=extend_schema(
        operation_id="callback_secret_get",
        tags=["webhooks"],
        summary="What your callbacks are signed with",
        responses=one(CallbackSecretSerializer, "The current secret.", WITHOUT_ID),
    ),
)
describe_view(
    CallbackSecretRotateView,
    post=extend_schema(
        operation_id="callback_secret_rotate",
        tags=["webhooks"],
        summary="Have callbacks signed with a new secret",
        description="For 24 hours both sign.",
        request=None,
        responses=one(CallbackSecretSerializer, "The new secret.", WITHOUT_ID),
    ),
)
