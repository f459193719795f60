"""The admin's error page: too many requests, a slow query, a bad value. It needs no database and no template."""

from django.core.paginator import InvalidPage
from django.db import DatabaseError, DataError
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html

from conversations.stores import refusals

PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{title}</title>"
    '<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 36em; margin: 15vh auto; padding: 0 1em">'
    "<h1>{title}</h1><p>{advice}</p></body></html>"
)
# PostgreSQL's code for a statement that exceeded `statement_timeout`.
QUERY_CANCELED = "57014"
AWAY_SECONDS = 5


def page(*, title: str, advice: str, status: int, retry_after: int = 0) -> HttpResponse:
    """`retry_after` is in seconds; 0 sends no header."""
    response = HttpResponse(format_html(PAGE, title=title, advice=advice), status=status)
    response["Cache-Control"] = "no-store"
    if retry_after:
        response["Retry-After"] = str(retry_after)
    # Otherwise Django logs each response, in a thread of its own.
    response._has_been_logged = True  # type: ignore[attr-defined]  # unknown to the stubs
    return response


def for_error(request: HttpRequest, exc: Exception) -> HttpResponse | None:
    """A page for errors that the operator can do something about; None for all others, which are bugs."""
    if isinstance(exc, InvalidPage):
        # Unfold's search does not check the page number.
        return page(title="No such page", advice="There are fewer pages of results.", status=404)
    if not isinstance(exc, DatabaseError):
        return None
    if refusals.sqlstate(exc) == QUERY_CANCELED:
        advice = "Narrow it by a filter, or search for the beginning of an id. Nothing was changed."
        return page(title="The database took too long", advice=advice, status=503)
    if isinstance(exc, DataError) and request.method in ("GET", "HEAD"):
        advice = "The address holds a value that cannot be looked up."
        return page(title="No such page", advice=advice, status=400)
    if refusals.is_away(exc):
        advice = "Try again in a moment. /readyz says what is missing."
        return page(title="The database does not answer", advice=advice, status=503, retry_after=AWAY_SECONDS)
    return None
