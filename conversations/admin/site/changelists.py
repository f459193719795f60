"""Lists that stay cheap on long tables: a paginator that stops counting, and filters that never list a whole table."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.views import ChangeList

from conversations.webhooks.payloads import EventType

# Later pages would be slow by OFFSET. Search and filters reach older rows.
COUNTED_ROWS = 5_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Pages through the newest COUNTED_ROWS rows; the template says when there are more."""

    template_name = "admin/conversations/pagination.html"

    @cached_property
    def _counted(self) -> int:
        if not isinstance(self.object_list, QuerySet):
            return len(self.object_list)
        return int(self.object_list.order_by()[: COUNTED_ROWS + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._counted, COUNTED_ROWS)

    @property
    def has_more(self) -> bool:
        return self._counted > COUNTED_ROWS


class BoundedChangeList(ChangeList):  # type: ignore[misc]  # Unfold has no types
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # With equal counts the page's title does not show the bound, which would look like the total.
        self.full_result_count = self.result_count


class RelatedFilter(AutocompleteSelectFilter):  # type: ignore[misc]  # Unfold has no types
    # Unfold's own template is in an app that is not installed.
    template = "admin/conversations/field_filter.html"


class EventTypeFilter(admin.SimpleListFilter):
    """Lists the known types. Django's own filter for a column without choices reads all values from the table."""

    title = "event type"
    parameter_name = "event_type"
    column = "type"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(event_type.value, event_type.value) for event_type in EventType]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset
