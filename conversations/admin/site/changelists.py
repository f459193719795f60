"""Lists that stay cheap on long tables: a paginator that stops counting, and filters that never list a whole table."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR
from django.core.paginator import Paginator
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.views import ChangeList

from conversations.admin.site.row_ids import is_row_id
from conversations.webhooks.payloads import EventType

# Later pages would be slow by OFFSET. Search and filters reach older rows.
COUNTED_ROWS = 5_000
# Among so many of the newest rows a filter looks that has no index: what it looks for may be in none of millions.
LOOKED_THROUGH = 100_000


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
    def apply_select_related(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """What `list_select_related` names is read by the keys of the page's rows, and not joined.

        With statistics of accounts older than the newest accounts, PostgreSQL would merge both tables in the order of
        accounts, and read all rows for a page.
        """
        return queryset.prefetch_related(*self.list_select_related or ())

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # With equal counts the page's title does not show the bound, which would look like the total.
        self.full_result_count = self.result_count

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        # Only the default order has an index. `sortable_by` hides the links, but Django still obeys `?o=`.
        self.params.pop(ORDER_VAR, None)
        ordering: list[str] = super().get_ordering(request, queryset)
        alone = next((spec for spec in self.filter_specs if isinstance(spec, RelatedFilter) and spec.is_alone), None)
        return [*alone.order(ordering), *ordering] if alone else ordering


class RelatedFilter(AutocompleteSelectFilter):  # type: ignore[misc]  # Unfold has no types
    """With no filter beside it, its rows are read in the order of the index that begins with its column.

    Not by `account = …`: PostgreSQL may then read the rows of all accounts, newest first, until it has found enough
    (queries/keyset.py).
    """

    # Unfold's own template is in an app that is not installed.
    template = "admin/conversations/field_filter.html"
    is_alone = False

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        given = [value for name, value in request.GET.items() if name not in (PAGE_VAR, self.lookup_kwarg)]
        value = self.value()
        self.is_alone = not any(given) and is_row_id(value or "")
        if not self.is_alone:
            filtered: QuerySet[Any] = super().queryset(request, queryset)
            return filtered
        return queryset.filter(**{f"{self.field_path}__gte": value, f"{self.field_path}__lte": value})

    def order(self, ordering: list[str]) -> list[str]:
        """Where the list is in the order of ids, the account's index is read backwards."""
        is_backwards = self.field_path == "account" and ordering[:1] == ["-pk"]
        return [f"-{self.field_path}" if is_backwards else self.field_path]


class BoundedChoicesFilter(admin.SimpleListFilter):
    """By a column without an index, among the newest rows only."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return among_newest(queryset).filter(**{str(self.parameter_name): self.value()})


def among_newest(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Those of LOOKED_THROUGH keys."""
    newest = queryset.model._default_manager.aggregate(pk=Max("pk"))["pk"] or 0
    return queryset.filter(pk__gt=newest - LOOKED_THROUGH)


class EventTypeFilter(admin.SimpleListFilter):
    """Lists the known types. Django's own filter for a column without choices reads all values from the table."""

    title = "event type"
    parameter_name = "event_type"
    column = "type"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(event_type.value, event_type.value) for event_type in EventType]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset
