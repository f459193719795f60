"""The body that brings a document: JSON with its text or URL, or a form (multipart/form-data) with a file."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.http import parse_header_parameters
from rest_framework import serializers

from conversations import errors
from conversations.knowledge.limits import DOCUMENT_MAX_BYTES
from conversations.values.callers import Caller
from conversations.views.bodies import budget, incoming, large_bodies, request_body
from conversations.views.bodies.budget import Reservation
from conversations.views.bodies.fields import TextField
from conversations.views.bodies.new_documents import NewDocument

JSON, FORM = "application/json", "multipart/form-data"
# What curl says of `-d`.
CURL = "application/x-www-form-urlencoded"
FILE, NAME = "file", "name"
UNREADABLE = "The form cannot be read."
# Besides the file: the boundaries, the heads of the parts, and the other fields.
FORM_OVERHEAD_BYTES = 65_536
# Two are read.
PARTS_MAX = 16


class DocumentCreateSerializer(serializers.Serializer[Any]):
    """`text` or `url`, not both. Without a name a document by URL is called by that."""

    name = TextField(required=False, allow_null=True)
    text = TextField(required=False, allow_null=True)
    url = TextField(required=False, allow_null=True)


CREATE = DocumentCreateSerializer()


Parser = Callable[[bytearray, HttpRequest], NewDocument]


async def read(request: HttpRequest, *, caller: Caller, reservation: Reservation) -> NewDocument:
    """Reads no byte of a body of another media type. Raises MediaTypeNotSupported, InvalidRequest and BodyTooLarge."""
    parser = _parser(request.META.get("CONTENT_TYPE") or JSON)
    most = min(settings.MAX_BODY_BYTES, DOCUMENT_MAX_BYTES) + FORM_OVERHEAD_BYTES
    body = await incoming.of(request).read(most=most, reservation=reservation)
    if len(body) > budget.SMALL_BYTES:
        return await large_bodies.parse(caller.account_id, parser, body, request)
    return parser(body, request)


def _parser(content_type: str) -> Parser:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == FORM:
        return _of_form
    # Other routes take any: so clients send their JSON as whatever they are used to. A file itself is refused.
    if media_type == CURL or media_type.startswith("text/") or media_type.endswith("json"):
        return _of_json
    raise errors.MediaTypeNotSupported(f"The body must be {JSON}, or {FORM} with a file.")


def _of_json(body: bytearray, request: HttpRequest) -> NewDocument:
    fields = request_body.validated(CREATE, request_body.json_object(body, request))
    text, url = fields.get("text"), fields.get("url")
    if (text is None) == (url is None):
        raise errors.InvalidRequest("text or url is required, and not both", param="text")
    if text is not None and "name" not in fields:
        raise errors.InvalidRequest("name is required", param="name")
    return NewDocument(fields.get("name", ""), text=text, url=url)


def _of_form(body: bytearray, request: HttpRequest) -> NewDocument:
    _check_parts(body, request.META["CONTENT_TYPE"])
    handler = _OneFile()
    meta = {"CONTENT_TYPE": request.META["CONTENT_TYPE"], "CONTENT_LENGTH": len(body)}
    try:
        fields, files = MultiPartParser(meta, BytesIO(body), [handler], "utf-8").parse()
    except (MultiPartParserError, SuspiciousOperation, ValueError) as exc:
        raise errors.InvalidRequest(UNREADABLE) from exc
    file = files.get(FILE)
    if file is None:
        raise errors.InvalidRequest("file is required: a part of the form with a file name", param=FILE)
    return NewDocument(
        str(fields.get(NAME) or file.name or FILE), data=handler.data, media_type=file.content_type or ""
    )


def _check_parts(body: bytearray, content_type: str) -> None:
    """Before the parser, which takes a form of a thousand parts, and 26 ms of the event loop for as many small ones."""
    boundary = parse_header_parameters(content_type)[1].get("boundary", "")
    if boundary and body.count(f"--{boundary}".encode(errors="replace")) > PARTS_MAX + 1:
        raise errors.InvalidRequest(UNREADABLE)


class _OneFile(FileUploadHandler):
    """Keeps the bytes of the form's one file in memory: those of the whole body are reserved. Django's own would write
    a large one to the disk.
    """

    chunk_size = 2**20

    def __init__(self) -> None:
        super().__init__()
        self._kept = BytesIO()
        self._has_begun = False

    @property
    def data(self) -> bytes:
        return self._kept.getvalue()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self._has_begun or self.field_name != FILE:
            raise errors.InvalidRequest("The form must hold one file, with the name file.", param=FILE)
        self._has_begun = True
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._kept.write(raw_data)

    def file_complete(self, file_size: int) -> "UploadedFile[Any]":
        return UploadedFile(self._kept, name=self.file_name, content_type=self.content_type, size=file_size)
