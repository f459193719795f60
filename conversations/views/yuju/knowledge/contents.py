"""`POST /v1/openapi/kbs-add-content/{kbs}` and `PUT /v1/openapi/kbs-update-content` (docs/contract D.8.2).

Both answer with the file as it is queued: it is read, and found by searches, later.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import errors
from conversations.knowledge.limits import DOCUMENT_MAX_BYTES
from conversations.models.knowledge.documents import DOCUMENT_NAME_MAX_CHARS
from conversations.services.knowledge import documents
from conversations.views.bodies import budget, incoming, large_bodies, new_documents, request_body
from conversations.views.bodies.fields import TextField
from conversations.views.bodies.new_documents import NewDocument
from conversations.views.http import customer_urls, rate_limits, threadpool
from conversations.views.http.thread_shares import Share
from conversations.views.yuju.base import YujuView, succeed
from conversations.views.yuju.fields import ID_MAX_CHARS, IdField
from conversations.views.yuju.knowledge.files import FILE
from providers import untrusted

TEXT, URL = "1", "3"
FILE_URL = "file_url"
# Of a text without a title, its beginning is the file's name, unless nobody would see anything of that.
NAME_CHARS, NAME = 50, "text"


class ContentAddSerializer(serializers.Serializer[Any]):
    """`c_type` 1 is a text, in `content`; 3 is a file at a URL, in `file_url` or in `content`."""

    c_type = IdField(most=ID_MAX_CHARS)
    content = TextField(required=False, allow_null=True)
    file_url = TextField(required=False, allow_null=True)
    title = TextField(most=DOCUMENT_NAME_MAX_CHARS, required=False, allow_null=True)


class ContentUpdateSerializer(serializers.Serializer[Any]):
    repo_id = IdField(most=ID_MAX_CHARS)
    file_id = IdField(most=ID_MAX_CHARS)
    file_url = TextField()


ADD, UPDATE = ContentAddSerializer(), ContentUpdateSerializer()


class ContentAddView(YujuView):
    async def post(self, request: HttpRequest, kbs: str) -> HttpResponseBase:
        caller = await self.admit(request)
        with budget.of_process().reserve(caller.account_id) as reservation:
            most = min(settings.MAX_BODY_BYTES, DOCUMENT_MAX_BYTES)
            body = await incoming.of(request).read(most=most, reservation=reservation)
            is_large = len(body) > budget.SMALL_BYTES
            new = await large_bodies.parse(caller.account_id, _new, body, request) if is_large else _new(body, request)
            await self.admit_again(request)
            document = await new_documents.add(caller.account_id, kbs, new, url_param=FILE_URL)
        return succeed(FILE.to_representation(document))


class ContentUpdateView(YujuView):
    async def put(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        fields = await request_body.read_fields(request, UPDATE, caller=caller)
        await self.admit_again(request)
        url = await customer_urls.checked(fields["file_url"], param=FILE_URL, account_id=caller.account_id)
        document = await threadpool.call_in_share(
            Share(caller.account_id, ""),
            documents.replace_by_url,
            account_id=caller.account_id,
            base_id=fields["repo_id"],
            document_id=fields["file_id"],
            url=url,
        )
        return succeed(FILE.to_representation(document))


def _new(body: bytearray, request: HttpRequest) -> NewDocument:
    """Raises InvalidRequest."""
    fields = request_body.validated(ADD, request_body.json_object(body, request))
    content, title = fields.get("content", ""), untrusted.one_line(fields.get("title", ""))
    if fields["c_type"] == TEXT:
        if not content.strip():
            raise errors.InvalidRequest("content is required: the text", param="content")
        beginning = untrusted.one_line(content.lstrip()[:NAME_CHARS])
        return NewDocument(title or beginning or NAME, text=content)
    if fields["c_type"] == URL:
        if not (url := (fields.get(FILE_URL) or content).strip()):
            raise errors.InvalidRequest(f"{FILE_URL} is required", param=FILE_URL)
        return NewDocument(title, url=url)
    raise errors.InvalidRequest(f"c_type must be {TEXT} (a text) or {URL} (a file at a URL)", param="c_type")
