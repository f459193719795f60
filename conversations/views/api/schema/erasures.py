"""`/api/v1/conversations/{id}` and `/api/v1/erasures` in the document."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.resources.erasures import ErasurePageSerializer, ErasureSerializer
from conversations.views.api import conversations, erasures
from conversations.views.api.pages import CursorParameters
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import JSON, OF_ONE, errors, one, page

describe_view(
    conversations.ConversationDetailView,
    delete=extend_schema(
        operation_id="conversations_delete",
        tags=["conversations"],
        summary="Delete a conversation for good",
        description="At once nobody can read it any more, and its id is never used again. Its runs stay without text.",
        responses={
            (202, JSON): OpenApiResponse(ErasureSerializer, description="It is long: it is still being erased."),
            204: OpenApiResponse(description="Everything of it is erased."),
            **errors(400, 401, 403, 404, 405, 409, 429, 503),
        },
    ),
)
describe_view(
    erasures.ErasureListView,
    get=extend_schema(
        operation_id="erasures_list",
        tags=["conversations"],
        summary="Your erasures, newest first",
        parameters=[CursorParameters],
        responses=page(ErasurePageSerializer),
    ),
)
describe_view(
    erasures.ErasureDetailView,
    get=extend_schema(
        operation_id="erasures_get",
        tags=["conversations"],
        summary="How far an erasure is",
        responses=one(ErasureSerializer, "The erasure.", OF_ONE),
    ),
)
