"""The base of the admin's pages: lists are bounded, and rows are edited or deleted only through a service."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import AbstractUser
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import TabularInline

from conversations.admin.site.changelists import BoundedChangeList, BoundedPaginator
from conversations.admin.site.row_ids import CheckedRowIds, is_row_id
from conversations.errors import ParleyError

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The texts of a page that asks before an action. `title` also labels its button."""

    title: str
    consequence: str


class BaseAdmin(CheckedRowIds):
    """Rows are read-only. `can_add` and `can_change` allow the forms whose `save_model` calls a service."""

    can_add = False
    can_change = False
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_disable_select_all = True
    list_filter_submit = True
    # Only the default order has an index.
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return BoundedChangeList

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        """Django's own queryset, for a page's `get_queryset` to narrow."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponseBase:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ParleyError as exc:
            # An error of no single field: a quota is reached, or the balance does not suffice. The form is shown again
            # with it, as it was filled in.
            request.refusal = exc.message  # type: ignore[attr-defined]  # for `get_form`
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        refusal = getattr(request, "refusal", "")
        return type(form.__name__, (form,), {"clean": lambda self: self.add_error(None, refusal)}) if refusal else form

    def row(self, request: HttpRequest, object_id: str) -> QuerySet[Any]:
        """The row of an action's own page, as a queryset. Raises Http404 for an id that is not a row's."""
        if not is_row_id(object_id):
            raise Http404
        rows: QuerySet[Any] = self.get_queryset(request).filter(pk=object_id)
        return rows

    def has_add_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return self.can_add and bool(super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.can_change and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Actions need the model's change permission."""
        return self._has_model_permission(request, "change")

    def has_erase_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Actions that erase content need the model's delete permission."""
        return self._has_model_permission(request, "delete")

    def confirm(
        self, request: HttpRequest, rows: QuerySet[Any], confirmation: Confirmation, *, action: str
    ) -> HttpResponse:
        """The page that asks before an action. Its button runs the list's action again, with `confirmed`."""
        is_list, here = request.method == "POST", request.get_full_path()
        app, model = self.opts.app_label, self.opts.model_name
        return TemplateResponse(
            request,
            "admin/conversations/confirm.html",
            {
                **self.admin_site.each_context(request),
                "title": confirmation.title,
                "confirmation": confirmation,
                "opts": self.opts,
                "rows": rows,
                "checkbox": ACTION_CHECKBOX_NAME,
                "action": action,
                # Asked from the list, it leads back to the same list; asked from a row's page, back to that page.
                "list_url": here if is_list else reverse(f"admin:{app}_{model}_changelist"),
                "back_url": here if is_list else "../change/",
            },
        )

    def act_on_each(
        self, request: HttpRequest, rows: Iterable[Row], act: Callable[[Row], object], *, done: str
    ) -> None:
        """A row that refuses it is reported, and does not keep the others from it. `done` is said of those others."""
        count = 0
        for row in list(rows):
            try:
                act(row)
            except ParleyError as exc:
                messages.warning(request, f"{row}: {exc.message}")
            else:
                count += 1
        messages.success(request, f"{done}: {count}.")

    def _has_model_permission(self, request: HttpRequest, verb: str) -> bool:
        codename = get_permission_codename(verb, self.opts)
        return isinstance(request.user, AbstractUser) and request.user.has_perm(f"{self.opts.app_label}.{codename}")


class ReadOnlyInline(TabularInline):  # type: ignore[misc]  # Unfold has no types
    extra = 0
    can_delete = False
    per_page = 20
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
