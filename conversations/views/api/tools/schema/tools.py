"""`/api/v1/tools` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.resources.tools.tools import DeletedToolSerializer, ToolPageSerializer, ToolSerializer
from conversations.resources.tools.trials import ToolTrialSerializer
from conversations.views.api.tools import tools
from conversations.views.schema.operations import body_example, describe_view
from conversations.views.schema.responses import JSON, OF_ONE, WITH_BODY, WITHOUT_ID, one

describe_view(
    tools.ToolListView,
    get=extend_schema(
        operation_id="tools_list",
        tags=["tools"],
        summary="Your tools",
        responses=one(ToolPageSerializer, "All of them.", WITHOUT_ID),
    ),
    post=extend_schema(
        operation_id="tools_create",
        tags=["tools"],
        summary="Make a tool",
        request={JSON: tools.ToolCreateSerializer},
        examples=[
            body_example(
                "A GET",
                {
                    "name": "weather",
                    "description": "The weather of a city",
                    "url": "https://example.com/weather/{city}",
                    "method": "GET",
                    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
                },
            )
        ],
        responses=one(ToolSerializer, "The tool.", WITH_BODY, status=201),
    ),
)
describe_view(
    tools.ToolDetailView,
    get=extend_schema(
        operation_id="tools_get",
        tags=["tools"],
        summary="One tool",
        responses=one(ToolSerializer, "The tool.", OF_ONE),
    ),
    patch=extend_schema(
        operation_id="tools_change",
        tags=["tools"],
        summary="Change a tool",
        description="`headers` replace all that there were. With a URL of another server they must be given again.",
        request={JSON: tools.ToolChangeSerializer},
        responses=one(ToolSerializer, "The tool as it is now.", WITH_BODY),
    ),
    delete=extend_schema(
        operation_id="tools_delete",
        tags=["tools"],
        summary="Delete a tool",
        responses=one(DeletedToolSerializer, "It is gone.", OF_ONE),
    ),
)
describe_view(
    tools.ToolTryView,
    post=extend_schema(
        operation_id="tools_try",
        tags=["tools"],
        summary="Call a tool once",
        description="The request is really sent. Whatever the tool does is told in the answer, with status 200.",
        request={JSON: tools.ToolTrySerializer},
        responses=one(ToolTrialSerializer, "What came of the call.", WITH_BODY),
    ),
)
