"""`/api/v1/knowledge` in the document."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.resources.knowledge import (
    CountedKnowledgeBaseSerializer,
    DeletedKnowledgeBaseSerializer,
    KnowledgeBasePageSerializer,
    KnowledgeBaseSerializer,
)
from conversations.views.api.knowledge import bases
from conversations.views.api.pages import CursorParameters
from conversations.views.schema.operations import body_example, describe_view
from conversations.views.schema.responses import JSON, OF_ONE, errors, one, page

WITH_BODY = errors(400, 401, 403, 404, 405, 409, 413, 429, 503)
COUNTED = OpenApiResponse(CountedKnowledgeBaseSerializer, description="The knowledge base as it is now.")

describe_view(
    bases.BaseListView,
    get=extend_schema(
        operation_id="knowledge_list",
        tags=["knowledge"],
        summary="Your knowledge bases, newest first",
        parameters=[CursorParameters],
        responses=page(KnowledgeBasePageSerializer),
    ),
    post=extend_schema(
        operation_id="knowledge_create",
        tags=["knowledge"],
        summary="Make a knowledge base",
        description="Its name is one that no other of your bases has.",
        request={JSON: bases.BaseCreateSerializer},
        examples=[body_example("A base", {"name": "Handbook"})],
        responses=one(KnowledgeBaseSerializer, "The new knowledge base.", WITH_BODY, status=201),
    ),
)
describe_view(
    bases.BaseDetailView,
    get=extend_schema(
        operation_id="knowledge_get",
        tags=["knowledge"],
        summary="One knowledge base, with how many documents it has",
        responses={(200, JSON): COUNTED, **OF_ONE},
    ),
    patch=extend_schema(
        operation_id="knowledge_change",
        tags=["knowledge"],
        summary="Rename a knowledge base, or give it another embedding model",
        description="With another one it is indexed anew; searches read what was indexed before until that is done.",
        request={JSON: bases.BaseChangeSerializer},
        responses={(200, JSON): COUNTED, **WITH_BODY},
    ),
    delete=extend_schema(
        operation_id="knowledge_delete",
        tags=["knowledge"],
        summary="Delete a knowledge base with its documents",
        responses=one(DeletedKnowledgeBaseSerializer, "Nobody finds it any more.", OF_ONE),
    ),
)
describe_view(
    bases.BaseReindexView,
    post=extend_schema(
        operation_id="knowledge_reindex",
        tags=["knowledge"],
        summary="Index a knowledge base anew",
        description="Searches read what was indexed before until all of it is new.",
        request={JSON: bases.ReindexSerializer},
        responses=one(KnowledgeBaseSerializer, "It has begun.", WITH_BODY, status=202),
    ),
)
