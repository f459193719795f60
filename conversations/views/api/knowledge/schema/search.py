"""`/api/v1/knowledge/{id}/search` in the document."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.views.api.knowledge import search
from conversations.views.schema.operations import body_example, describe_view
from conversations.views.schema.responses import JSON, WITH_BODY

describe_view(
    search.SearchView,
    post=extend_schema(
        operation_id="knowledge_search",
        tags=["knowledge"],
        summary="Search a knowledge base",
        description="By the words of a question and, where the base has an embedding model, also by its meaning.",
        request={JSON: search.SearchSerializer},
        examples=[body_example("A question", {"query": "How long is the warranty?", "limit": 5})],
        responses={
            (200, JSON): OpenApiResponse(search.SearchResultsSerializer, description="The best passages first."),
            **WITH_BODY,
        },
    ),
)
