"""`GET /api/schema`: the OpenAPI 3.1 document, as it was written by `manage.py write_schema`."""

from functools import cache
from pathlib import Path
from typing import ClassVar

from django.http import HttpRequest, HttpResponse

from conversations.dialects.api import errors
from conversations.dialects.dialect import ErrorRenderer
from conversations.views.http.base import BaseView

PATH = Path(__file__).with_name("openapi.json")
CONTENT_TYPE = "application/vnd.oai.openapi+json;version=3.1"

# The document is public and changes only with a release.
HEADERS = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}


class DocumentView(BaseView):
    error_renderer: ClassVar[ErrorRenderer] = errors
    # Described in `public.py`.
    schema = None

    async def get(self, _request: HttpRequest) -> HttpResponse:
        return HttpResponse(_read(), content_type=CONTENT_TYPE, headers=HEADERS)


@cache
def _read() -> bytes:
    return PATH.read_bytes()
