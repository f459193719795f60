"""`/api/v1/upstreams` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.resources.upstreams import UpstreamListSerializer
from conversations.views.api import upstreams
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import WITHOUT_ID, one

describe_view(
    upstreams.UpstreamListView,
    get=extend_schema(
        operation_id="upstreams_list",
        tags=["upstreams"],
        summary="Where questions go, and what is out",
        description="For operators' keys alone (`create_key --operator`); any other key is refused.",
        responses=one(UpstreamListSerializer, "The targets, by model.", WITHOUT_ID),
    ),
)
