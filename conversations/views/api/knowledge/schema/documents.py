"""`/api/v1/knowledge/{id}/documents` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.resources.knowledge import (
    CountedDocumentSerializer,
    DeletedDocumentSerializer,
    DocumentPageSerializer,
    DocumentSerializer,
)
from conversations.views.api.knowledge import documents, uploads
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import JSON, OF_ONE, errors, one, page

FILE = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        "name": {"type": "string", "description": "Instead of the file's own."},
    },
}

describe_view(
    documents.DocumentListView,
    get=extend_schema(
        operation_id="knowledge_documents_list",
        tags=["knowledge"],
        summary="The documents of a knowledge base, newest first",
        parameters=[documents.DocumentListParameters],
        responses={**page(DocumentPageSerializer), **errors(404)},
    ),
    post=extend_schema(
        operation_id="knowledge_documents_add",
        tags=["knowledge"],
        summary="Add a document: a text, a file or a URL",
        description="It is queued. The same again, under the same name, is the same document.",
        request={JSON: uploads.DocumentCreateSerializer, uploads.FORM: FILE},
        responses=one(
            DocumentSerializer,
            "The document, which is queued.",
            errors(400, 401, 403, 404, 405, 413, 415, 429, 503),
            status=202,
        ),
    ),
)
describe_view(
    documents.DocumentDetailView,
    get=extend_schema(
        operation_id="knowledge_documents_get",
        tags=["knowledge"],
        summary="One document: its status, and why it failed",
        responses=one(CountedDocumentSerializer, "The document.", OF_ONE),
    ),
    delete=extend_schema(
        operation_id="knowledge_documents_delete",
        tags=["knowledge"],
        summary="Delete a document with all that was made of it",
        responses=one(DeletedDocumentSerializer, "It is gone.", OF_ONE),
    ),
)
describe_view(
    documents.DocumentRetryView,
    post=extend_schema(
        operation_id="knowledge_documents_retry",
        tags=["knowledge"],
        summary="Index a document again that has failed",
        request=None,
        responses=one(DocumentSerializer, "It is queued.", errors(400, 401, 403, 404, 405, 409, 429, 503), status=202),
    ),
)
