"""Pages that show signing secrets, in the answer to a POST alone: a message would wait in a cookie or the session."""

from collections.abc import Sequence

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from conversations import encryption
from conversations.admin.site.base import DeskAdmin
from conversations.models import Account
from conversations.services.webhooks import secrets as signing_secrets


def page(
    desk: DeskAdmin, request: HttpRequest, secrets: Sequence[tuple[Model, str]], *, note: str, back_url: str = "?"
) -> HttpResponse:
    shown = {"title": "Secrets", "opts": desk.opts, "secrets": secrets, "note": note, "back_url": back_url}
    context = {**desk.admin_site.each_context(request), **shown}
    return TemplateResponse(request, "admin/conversations/secrets.html", context)


class SecretMaker(DeskAdmin):
    """A page whose rows are made with a secret: it stands in the answer to that POST alone.

    `save_model` keeps it as `request.new_secret`.
    """

    def response_add(self, request: HttpRequest, obj: Model, post_url_continue: str | None = None) -> HttpResponse:
        made: str = request.new_secret  # type: ignore[attr-defined]  # of `save_model`
        return page(self, request, [(obj, made)], note="Copy it now: it is not shown again.", back_url="../")


def callback_page(desk: DeskAdmin, request: HttpRequest, *, account: Account) -> HttpResponse:
    """Asks what is wanted; then shows the secret, or a new one. Either is noted in the account's history."""
    wanted = request.POST.get("wanted")
    if wanted == "rotate":
        secret = signing_secrets.rotate(account_id=account.pk, endpoint_id=None)
        desk.log_change(request, account, "Rotated the callback secret.")
        return page(desk, request, [(account, secret)], note="The new callback secret.")
    if wanted == "show":
        return _current(desk, request, account=account)
    return _question(desk, request, account=account)


def _current(desk: DeskAdmin, request: HttpRequest, *, account: Account) -> HttpResponse:
    try:
        secret = signing_secrets.callback_secret(account_id=account.pk)
    except encryption.Unreadable:
        messages.error(request, "It was sealed with a SECRET_KEY that is no longer known: rotate it.")
        return redirect(request.path)
    desk.log_change(request, account, "Looked at the callback secret.")
    return page(desk, request, [(account, secret)], note="The callback secret.")


def _question(desk: DeskAdmin, request: HttpRequest, *, account: Account) -> HttpResponse:
    shown = {
        "title": "Callback secret",
        "opts": desk.opts,
        "account": account,
        "previous_until": signing_secrets.previous_until(account_id=account.pk, endpoint_id=None),
        "back_url": reverse("admin:conversations_account_change", args=[account.pk]),
    }
    context = {**desk.admin_site.each_context(request), **shown}
    return TemplateResponse(request, "admin/conversations/callback_secret.html", context)
