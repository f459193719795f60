"""`/api/v1/upstreams` in the document."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.resources.upstreams import UpstreamListSerializer
from conversations.views.api import upstreams
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import JSON, WITHOUT_ID

describe_view(
    upstreams.UpstreamListView,
    get=extend_schema(
        operation_id="upstreams_list",
        tags=["upstreams"],
        summary="Where questions go, and what is out",
        description="For operators' keys alone (`create_key --operator`); any other key is refused.",
        responses={
            (200, JSON): OpenApiResponse(UpstreamListSerializer, description="The targets, by model."),
            **WITHOUT_ID,
        },
    ),
)
