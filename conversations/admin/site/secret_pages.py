"""Pages that show secrets, only in the response to a POST. A message would stay in a cookie or the session."""

from collections.abc import Sequence

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from conversations.admin.site.base import BaseAdmin


def page(
    model_admin: BaseAdmin,
    request: HttpRequest,
    secrets: Sequence[tuple[Model, str]],
    *,
    note: str,
    back_url: str = "?",
) -> HttpResponse:
    shown = {"title": "Secrets", "opts": model_admin.opts, "secrets": secrets, "note": note, "back_url": back_url}
    context = {**model_admin.admin_site.each_context(request), **shown}
    return TemplateResponse(request, "admin/conversations/secrets.html", context)


class ShowsSecretOnce(BaseAdmin):
    """The admin of rows that are created with a secret. The response to that POST shows it, and nothing shows it again.

    `save_model` must set `request.new_secret`.
    """

    def response_add(self, request: HttpRequest, obj: Model, post_url_continue: str | None = None) -> HttpResponse:
        secret: str = request.new_secret  # type: ignore[attr-defined]  # of `save_model`
        return page(self, request, [(obj, secret)], note="Copy it now: it is not shown again.", back_url="../")
