"""The admin's login, slowed: tries are counted before a password is checked, and few are checked at once."""

from threading import BoundedSemaphore

from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from conversations.admin.site import login_tries, refusal_page

# A check keeps a core busy for half a second, and the admin has four places: two are left to who is signed in already.
CHECKS_AT_ONCE = 2
WAIT_SECONDS = 1.0

_checks = BoundedSemaphore(CHECKS_AT_ONCE)


@never_cache
@csrf_protect
def view(request: HttpRequest) -> HttpResponseBase:
    """Counted only after the token of our own form: no other site can use up the tries of who visits it."""
    if request.method != "POST":
        return admin.site.login(request)
    made = login_tries.count(address=request.META["REMOTE_ADDR"], name=request.POST.get("username", ""))
    if made.wait_seconds:
        return refusal_page.page(
            title="Too many attempts to log in",
            advice=f"Try again in {-(-made.wait_seconds // 60)} minutes. From another address you can at once.",
            status=429,
            retry_after=made.wait_seconds,
        )
    if not _checks.acquire(timeout=WAIT_SECONDS):
        login_tries.take_back(made)
        return refusal_page.page(
            title="Many are logging in", advice="Try again in a moment.", status=503, retry_after=1
        )
    try:
        response = admin.site.login(request)
    finally:
        _checks.release()
    # Not by `request.user`: who is signed in already may be guessing another's password.
    if isinstance(response, HttpResponseRedirect):
        login_tries.take_back(made)
    return response
