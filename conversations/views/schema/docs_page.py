"""`GET /docs`: Swagger UI over the OpenAPI document, all of it from this server.

The page may load nothing from elsewhere and send requests to its own origin alone, so a key that is pasted into it goes
nowhere else. The key lives as long as the page.
"""

from functools import cache
from typing import ClassVar

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from conversations.dialects.api import errors
from conversations.dialects.dialect import ErrorRenderer
from conversations.views.http.base import BaseView

# Swagger UI draws its arrows as `data:` images in its style sheet.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Cache-Control": "public, max-age=300",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class DocsView(BaseView):
    error_renderer: ClassVar[ErrorRenderer] = errors
    # A page for readers, and no operation of the API.
    schema = None

    async def get(self, _request: HttpRequest) -> HttpResponse:
        return HttpResponse(_page(), headers=HEADERS)


@cache
def _page() -> str:
    return render_to_string("docs.html")
