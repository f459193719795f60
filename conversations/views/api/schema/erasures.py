"""`/api/v1/erasures` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.resources.erasures import ErasurePageSerializer, ErasureSerializer
from conversations.views.api import erasures
from conversations.views.api.pages import CursorParameters
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import OF_ONE, one, page

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
