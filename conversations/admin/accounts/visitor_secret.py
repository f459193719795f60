"""The page of an account's visitor secret, which signs its client tokens: shown or rotated on demand."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from conversations import errors
from conversations.admin.site import secret_pages
from conversations.admin.site.base import BaseAdmin
from conversations.models import Account
from conversations.services.accounts import visitor_secrets

OVERLAPS = {"rotate": visitor_secrets.OVERLAP, "replace": timedelta()}


def page(model_admin: BaseAdmin, request: HttpRequest, *, account: Account) -> HttpResponse:
    """Asks whether to show or to rotate the account's visitor secret, and does it. All is logged in its history."""
    wanted = request.POST.get("wanted", "")
    if wanted not in ("show", *OVERLAPS):
        return _choice(model_admin, request, account=account)
    try:
        return _done(model_admin, request, account=account, wanted=wanted)
    except errors.InvalidRequest as exc:
        messages.error(request, exc.message)
    return redirect(request.path)


def _done(model_admin: BaseAdmin, request: HttpRequest, *, account: Account, wanted: str) -> HttpResponse:
    if wanted == "show":
        secret = visitor_secrets.current(account_id=account.pk)
        model_admin.log_change(request, account, "Looked at the visitor secret.")
        return secret_pages.page(model_admin, request, [(account, secret)], note="The visitor secret.")
    secret = visitor_secrets.rotate(account_id=account.pk, overlap=OVERLAPS[wanted])
    model_admin.log_change(request, account, "Rotated the visitor secret.")
    return secret_pages.page(model_admin, request, [(account, secret)], note="The new visitor secret.")


def _choice(model_admin: BaseAdmin, request: HttpRequest, *, account: Account) -> HttpResponse:
    shown = {
        "title": "Visitor secret",
        "opts": model_admin.opts,
        "account": account,
        "previous_until": visitor_secrets.previous_until(account_id=account.pk),
        "back_url": reverse("admin:conversations_account_change", args=[account.pk]),
    }
    context = {**model_admin.admin_site.each_context(request), **shown}
    return TemplateResponse(request, "admin/conversations/visitor_secret.html", context)
