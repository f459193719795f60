"""What a browser may load and run on the admin's pages.

Unfold needs two exceptions: Alpine compiles the expressions in its attributes (`unsafe-eval`), and the theme's colours
are in a style element (`unsafe-inline`). Inline scripts do not run: neither would one in a customer's text, should it
ever get through the escaping.
"""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


class ContentSecurityPolicy(MiddlewareMixin):
    """Django has its own from 6.0 on: with the end of 5.2 this can go."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response
