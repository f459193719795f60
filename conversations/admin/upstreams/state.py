"""The page of all targets, also those of the catalogue: what is out and why, with buttons. Read from Redis."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from redis.exceptions import RedisError

from conversations.admin.site.base import BaseAdmin
from conversations.models import UpstreamKey, UpstreamTarget
from conversations.routing import overview
from conversations.routing.overview import UpstreamState
from conversations.services.upstreams import keys
from conversations.stores import redis_clients

ENABLED_LABELS = {"enabled": "success", "disabled": "danger", "undecryptable": "danger"}
# Targets on a page, those that are out first.
SHOWN = 200


class EnabledFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("enabled", "Enabled"), ("disabled", "Disabled")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[UpstreamKey]) -> QuerySet[UpstreamKey]:
        if self.value() not in ("enabled", "disabled"):
            return queryset
        return queryset.filter(is_enabled=self.value() == "enabled")


def enabled_word(row: UpstreamKey | UpstreamTarget) -> str:
    return "enabled" if row.is_enabled else "disabled"


def vendor_choices() -> list[tuple[str, str]]:
    return [(vendor.name, vendor.display_name) for vendor in keys.vendors()]


def within(form: forms.ModelForm, **ranges: tuple[int, int]) -> None:  # type: ignore[type-arg]  # not at run time
    """Lets the form say what a number may be, before the name of a constraint does. Read-only pages have no fields."""
    for name, (least, most) in ranges.items():
        if name in form.fields:
            form.fields[name].validators += [MinValueValidator(least), MaxValueValidator(most)]


def page(model_admin: BaseAdmin, request: HttpRequest) -> HttpResponse:
    """The targets, and what was pressed."""
    client = redis_clients.hurried()
    try:
        if request.method == "POST":
            if not model_admin.has_act_permission(request):
                raise PermissionDenied
            _press(request, overview.read(client))
            return redirect(request.get_full_path())
        found = _found(overview.read(client), words=request.GET.get("q", ""))
    except RedisError:
        messages.error(request, "Redis cannot be reached: while it is away, all targets are asked.")
        found = []
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "State of all targets",
        "opts": model_admin.opts,
        "states": found[:SHOWN],
        "found": len(found),
        "q": request.GET.get("q", ""),
        "minutes": overview.MINUTES,
        "may_act": model_admin.has_act_permission(request),
        "back_url": reverse("admin:conversations_upstreamtarget_changelist"),
    }
    return TemplateResponse(request, "admin/conversations/upstream_states.html", context)


def _found(states: list[UpstreamState], *, words: str) -> list[UpstreamState]:
    """Those whose name, or a name of whose models, has the words; those that are out first."""
    found = [state for state in states if any(words in name for name in (state.routed.name, *state.models))]
    return sorted(found, key=lambda state: state.state == overview.AVAILABLE and not state.accounts_out)


def _press(request: HttpRequest, states: list[UpstreamState]) -> None:
    """Only for a target that there is: what is posted is not to be believed."""
    asked = next((state for state in states if state.id == request.POST.get("target")), None)
    client, wanted = redis_clients.hurried(), request.POST.get("wanted")
    if asked is None or wanted not in ("out", "in"):
        messages.warning(request, "There is no such target any more.")
    elif wanted == "out":
        overview.take_out(client, target_id=asked.id, reason=f"by {request.user}")
        messages.success(request, f"Taken out for an hour at most: {asked.routed.name}.")
    else:
        overview.let_in(client, target_id=asked.id, access_id=asked.routed.access_id)
        messages.success(request, f"Let in again: {asked.routed.name}.")
