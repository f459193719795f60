"""Knowledge bases and documents: their JSON in `/api/v1/knowledge`."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from conversations.knowledge.vector_counts import VectorCounts
from conversations.models import Document, KnowledgeBase
from conversations.resources.fields import ConstantField, MethodField, UtcTimeField


class KnowledgeBaseSerializer(serializers.Serializer[KnowledgeBase]):
    """Documents that are searched together.

    `reindexing`: a second generation of its passages is being made; until it is whole, searches read the first.
    """

    id = serializers.CharField(source="public_id")
    object = ConstantField("knowledge_base")
    name = serializers.CharField()
    embedding = serializers.CharField()
    reindexing = MethodField(serializers.BooleanField())
    reindex_error = MethodField(serializers.CharField(allow_null=True))
    created_at = UtcTimeField()

    def get_reindexing(self, base: KnowledgeBase) -> bool:
        return base.next_generation is not None

    def get_reindex_error(self, base: KnowledgeBase) -> str | None:
        return base.reindex_error or None


class DocumentCountsSerializer(serializers.Serializer[Mapping[str, int]]):
    queued = serializers.IntegerField(min_value=0)
    processing = serializers.IntegerField(min_value=0)
    ready = serializers.IntegerField(min_value=0)
    failed = serializers.IntegerField(min_value=0)


class VectorsSerializer(serializers.Serializer[VectorCounts]):
    """How many passages have a vector. Of those that the model `refused` searches know the words alone, until the base
    is indexed anew. `error` says why vectors are missing.
    """

    passages = serializers.IntegerField(min_value=0)
    made = serializers.IntegerField(min_value=0)
    refused = serializers.IntegerField(min_value=0)
    error = MethodField(serializers.CharField(allow_null=True))

    def get_error(self, counts: VectorCounts) -> str | None:
        return counts.error or None


class CountedKnowledgeBaseSerializer(KnowledgeBaseSerializer):
    """A base, how many documents of each status it has, and how far its vectors are: null for words alone."""

    documents = MethodField(DocumentCountsSerializer())
    vectors = MethodField(VectorsSerializer(allow_null=True))

    def get_vectors(self, _base: KnowledgeBase) -> VectorCounts | None:
        counts: VectorCounts | None = self.context["vectors"]
        return counts

    def get_documents(self, _base: KnowledgeBase) -> Mapping[str, int]:
        counts: Mapping[str, int] = self.context["counts"]
        return counts


class KnowledgeBasePageSerializer(serializers.Serializer[Any]):
    """One page of bases, the newest first; follow `next` until it is null."""

    results = KnowledgeBaseSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class DeletedKnowledgeBaseSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = ConstantField("knowledge_base")
    deleted = ConstantField(True)


class DocumentErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class DocumentSerializer(serializers.Serializer[Document]):
    """A text, a file or what was read at a URL. Searches find it once it is ready.

    `next_url` is null but for one that is being replaced by what is at a URL, or could not be: until that has been read
    searches find it as it was, and all but `status`, `progress` and `error` is of what it was.

    `progress` goes from 0 to 1. `size` is in bytes, as it was given. `characters`, `pages` and `passages` are null
    until they are known, `pages` also for what has none.
    """

    id = serializers.CharField(source="public_id")
    object = ConstantField("knowledge_document")
    knowledge = serializers.CharField(source="base.public_id")
    name = serializers.CharField()
    kind = serializers.ChoiceField(Document.Kind.values)
    url = MethodField(serializers.CharField(allow_null=True))
    next_url = MethodField(serializers.CharField(allow_null=True))
    status = serializers.ChoiceField(Document.Status.values)
    progress = MethodField(serializers.FloatField(min_value=0, max_value=1))
    error = MethodField(DocumentErrorSerializer(allow_null=True))
    media_type = MethodField(serializers.CharField(allow_null=True))
    size = MethodField(serializers.IntegerField(min_value=0, allow_null=True))
    characters = MethodField(serializers.IntegerField(min_value=0, allow_null=True))
    pages = MethodField(serializers.IntegerField(min_value=0, allow_null=True))
    passages = MethodField(serializers.IntegerField(min_value=0, allow_null=True))
    created_at = UtcTimeField()
    ready_at = UtcTimeField(allow_null=True)

    def get_url(self, document: Document) -> str | None:
        return document.url or None

    def get_next_url(self, document: Document) -> str | None:
        return document.next_url or None

    def get_progress(self, document: Document) -> float:
        if document.status == Document.Status.READY:
            return 1.0
        job = getattr(document, "job", None)
        return float(job.progress) if job else 0.0

    def get_error(self, document: Document) -> Mapping[str, str] | None:
        if not document.error_code:
            return None
        return {"code": document.error_code, "message": document.error_message}

    def get_media_type(self, document: Document) -> str | None:
        return document.media_type or None

    def get_size(self, document: Document) -> int | None:
        return document.size or None

    def get_characters(self, document: Document) -> int | None:
        return document.characters or None

    def get_pages(self, document: Document) -> int | None:
        return document.pages or None

    def get_passages(self, document: Document) -> int | None:
        return document.passages or None


class CountedDocumentSerializer(DocumentSerializer):
    """A document, and how far its vectors are: null while it is not ready, and where words alone are searched for."""

    vectors = MethodField(VectorsSerializer(allow_null=True))

    def get_vectors(self, _document: Document) -> VectorCounts | None:
        counts: VectorCounts | None = self.context["vectors"]
        return counts


class DocumentPageSerializer(serializers.Serializer[Any]):
    """One page of documents, the newest first; follow `next` until it is null."""

    results = DocumentSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class DeletedDocumentSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = ConstantField("knowledge_document")
    deleted = ConstantField(True)


BASE = KnowledgeBaseSerializer()
BASE_PAGE = KnowledgeBasePageSerializer()
DELETED_BASE = DeletedKnowledgeBaseSerializer()
DOCUMENT = DocumentSerializer()
DOCUMENT_PAGE = DocumentPageSerializer()
DELETED_DOCUMENT = DeletedDocumentSerializer()


def base(base: KnowledgeBase) -> dict[str, Any]:
    return dict(BASE.to_representation(base))


def with_counts(base: KnowledgeBase, counts: Mapping[str, int], vectors: VectorCounts | None) -> dict[str, Any]:
    about = {"counts": counts, "vectors": vectors}
    return dict(CountedKnowledgeBaseSerializer(context=about).to_representation(base))


def document(document: Document) -> dict[str, Any]:
    """Its base should be loaded, and its job, if it has one (`queries.knowledge.documents`)."""
    return dict(DOCUMENT.to_representation(document))


def document_with_vectors(document: Document, vectors: VectorCounts | None) -> dict[str, Any]:
    """As `document`."""
    return dict(CountedDocumentSerializer(context={"vectors": vectors}).to_representation(document))
