"""`/api/v1/client_tokens` and `/api/v1/visitor_secret` in the document."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.resources.client_tokens import ClientTokenSerializer, VisitorSecretSerializer
from conversations.views.api.accounts import client_tokens
from conversations.views.schema.operations import body_example, describe_view
from conversations.views.schema.responses import JSON, WITHOUT_ID, errors, one

SCOPE = "For keys with the scope `keys`: whoever knows it can speak as any of your visitors."

describe_view(
    client_tokens.ClientTokensView,
    post=extend_schema(
        operation_id="client_tokens_create",
        tags=["client tokens"],
        summary="Make a token for a visitor's browser",
        request={JSON: client_tokens.TokenSerializer},
        examples=[body_example("For a visitor", {"visitor": "user-42", "expires_in": 3600})],
        responses=one(
            ClientTokenSerializer, "The token, this once.", errors(400, 401, 403, 405, 413, 429, 503), status=201
        ),
    ),
)
describe_view(
    client_tokens.ClientTokenRevokeView,
    post=extend_schema(
        operation_id="client_tokens_revoke",
        tags=["client tokens"],
        summary="End a token, or all of a visitor",
        description="Everywhere within five seconds. Answers that are being read go on to their end.",
        request={JSON: client_tokens.RevocationSerializer},
        responses={
            204: OpenApiResponse(description="They have ended, if there were any."),
            **errors(400, 401, 403, 405, 413, 429, 503),
        },
    ),
)
describe_view(
    client_tokens.VisitorSecretView,
    get=extend_schema(
        operation_id="visitor_secret_get",
        tags=["client tokens"],
        summary="What your server signs client tokens with",
        description=SCOPE,
        responses=one(VisitorSecretSerializer, "The current secret.", WITHOUT_ID),
    ),
)
describe_view(
    client_tokens.VisitorSecretRotateView,
    post=extend_schema(
        operation_id="visitor_secret_rotate",
        tags=["client tokens"],
        summary="Have client tokens signed with a new secret",
        description=f"{SCOPE} For 24 hours tokens of both are taken, or for as long as you say.",
        request={JSON: client_tokens.SecretRotationSerializer},
        responses=one(VisitorSecretSerializer, "The new secret.", errors(400, 401, 403, 405, 413, 429, 503)),
    ),
)
