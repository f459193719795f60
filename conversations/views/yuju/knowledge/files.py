"""`GET /v1/openapi/kbs/file/list` (docs/contract D.8.2): the files of a knowledge base, by numbers of pages."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.models import Document
from conversations.queries.knowledge import documents as document_queries
from conversations.queries.knowledge.documents import NUMBERED_MOST
from conversations.resources.fields import MethodField
from conversations.views.bodies import parameters
from conversations.views.bodies.fields import TextField
from conversations.views.http import threadpool
from conversations.views.yuju.base import YujuView, succeed
from conversations.views.yuju.fields import ID_MAX_CHARS, MomentField

SIZE, SIZE_MAX = 20, 100


class FileListParameters(serializers.Serializer[Any]):
    kbs = TextField(most=ID_MAX_CHARS, help_text="The `repo_id` of the knowledge base.")
    page = parameters.WholeNumberField(least=1, most=NUMBERED_MOST, default=1)
    page_size = parameters.WholeNumberField(least=1, most=SIZE_MAX, default=SIZE)


class YujuFileSerializer(serializers.Serializer[Document]):
    """A document of a knowledge base. Searches find it once it is ready; `error` says why it failed.

    One that is replaced is found as it was until it is ready again, also where what was to replace it has failed.
    """

    file_id = serializers.CharField(source="public_id")
    repo_id = serializers.CharField(source="base.public_id")
    file_name = serializers.CharField(source="name")
    file_type = MethodField(serializers.ChoiceField(Document.Kind.values))
    file_url = MethodField(serializers.CharField(allow_null=True))
    status = serializers.ChoiceField(Document.Status.values)
    error = MethodField(serializers.CharField(allow_null=True))
    size = serializers.IntegerField(min_value=0)
    create_time = MomentField(source="created_at")

    def get_file_type(self, document: Document) -> str:
        return Document.Kind.URL.value if document.next_url else document.kind

    def get_file_url(self, document: Document) -> str | None:
        return document.next_url or document.url or None

    def get_error(self, document: Document) -> str | None:
        return document.error_message or document.error_code or None


class YujuFilePageSerializer(serializers.Serializer[Any]):
    """`total` counts the first 10000 files."""

    list = YujuFileSerializer(many=True)
    total = serializers.IntegerField(min_value=0)
    page = serializers.IntegerField(min_value=1)
    page_size = serializers.IntegerField(min_value=1)


LIST = FileListParameters()
FILE, PAGE = YujuFileSerializer(), YujuFilePageSerializer()


class FileListView(YujuView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = parameters.read(LIST, request.GET.dict())
        number, size = wanted["page"], wanted["page_size"]
        found = await threadpool.call(
            document_queries.numbered_page,
            account_id=caller.account_id,
            base_id=wanted["kbs"],
            number=number,
            size=size,
        )
        shown = {"list": found.rows, "total": found.total, "page": number, "page_size": size}
        return succeed(PAGE.to_representation(shown))
