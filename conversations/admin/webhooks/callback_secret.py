"""The page of an account's callback secret, which signs its callbacks: shown or rotated on demand."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from conversations import encryption
from conversations.admin.site import secret_pages
from conversations.admin.site.base import BaseAdmin
from conversations.models import Account
from conversations.services.webhooks import secrets as signing_secrets


def page(model_admin: BaseAdmin, request: HttpRequest, *, account: Account) -> HttpResponse:
    """Asks whether to show or to rotate the account's callback secret, and does it. Both are logged in its history."""
    wanted = request.POST.get("wanted")
    if wanted == "rotate":
        secret = signing_secrets.rotate(account_id=account.pk, endpoint_id=None)
        model_admin.log_change(request, account, "Rotated the callback secret.")
        return secret_pages.page(model_admin, request, [(account, secret)], note="The new callback secret.")
    if wanted == "show":
        return _current(model_admin, request, account=account)
    return _choice(model_admin, request, account=account)


def _current(model_admin: BaseAdmin, request: HttpRequest, *, account: Account) -> HttpResponse:
    try:
        secret = signing_secrets.callback_secret(account_id=account.pk)
    except encryption.Undecryptable:
        messages.error(request, "It was encrypted with a SECRET_KEY that is no longer known: rotate it.")
        return redirect(request.path)
    model_admin.log_change(request, account, "Looked at the callback secret.")
    return secret_pages.page(model_admin, request, [(account, secret)], note="The callback secret.")


def _choice(model_admin: BaseAdmin, request: HttpRequest, *, account: Account) -> HttpResponse:
    shown = {
        "title": "Callback secret",
        "opts": model_admin.opts,
        "account": account,
        "previous_until": signing_secrets.previous_until(account_id=account.pk, endpoint_id=None),
        "back_url": reverse("admin:conversations_account_change", args=[account.pk]),
    }
    context = {**model_admin.admin_site.each_context(request), **shown}
    return TemplateResponse(request, "admin/conversations/callback_secret.html", context)
