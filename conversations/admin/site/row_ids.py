"""Row ids that browsers send. One that cannot be an id is refused before a query is made with it."""

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest
from django.db.models import BigAutoField
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from unfold.admin import ModelAdmin

# Of the largest id.
MAX_DIGITS = len(str(BigAutoField.MAX_BIGINT))


def is_row_id(text: str) -> bool:
    """Whether it is a number that fits the column."""
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return is_number and int(text) <= BigAutoField.MAX_BIGINT


class CheckedRowIds(ModelAdmin):  # type: ignore[misc]  # Unfold has no types
    """Raises BadRequest for such an id. Django passes it to the query, which ends in a 500."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        _check(request.POST.getlist(ACTION_CHECKBOX_NAME))
        response: HttpResponseBase = super().changelist_view(request, extra_context)
        return response

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponseBase:
        for name in self.autocomplete_fields:
            # The form itself reports an empty one.
            _check([text for text in (*request.GET.getlist(name), *request.POST.getlist(name)) if text])
        response: HttpResponseBase = super().changeform_view(request, object_id, form_url, extra_context)
        return response


def _check(given: list[str]) -> None:
    if not all(map(is_row_id, given)):
        raise BadRequest("There is no such row.")
