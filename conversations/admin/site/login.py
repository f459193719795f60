"""The admin's login with limits: attempts are counted before a password is checked, and few are checked at once."""

from threading import BoundedSemaphore

from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from conversations.admin.site import error_page, login_attempts

# A password check keeps a core busy for half a second, and the admin answers four requests at once. So two are left for
# users who are signed in.
CHECKS_AT_ONCE = 2
WAIT_SECONDS = 1.0

_checks = BoundedSemaphore(CHECKS_AT_ONCE)


@never_cache
@csrf_protect
def view(request: HttpRequest) -> HttpResponseBase:
    """Attempts count only with the CSRF token of our own form, so no other site can use up its visitors' attempts."""
    if request.method != "POST":
        return admin.site.login(request)
    attempt = login_attempts.count(address=request.META["REMOTE_ADDR"], name=request.POST.get("username", ""))
    if attempt.wait_seconds:
        return error_page.page(
            title="Too many attempts to log in",
            advice=f"Try again in {-(-attempt.wait_seconds // 60)} minutes, or at once from another address.",
            status=429,
            retry_after=attempt.wait_seconds,
        )
    if not _checks.acquire(timeout=WAIT_SECONDS):
        login_attempts.uncount(attempt)
        return error_page.page(
            title="Too many logins at once", advice="Try again in a moment.", status=503, retry_after=1
        )
    try:
        response = admin.site.login(request)
    finally:
        _checks.release()
    # A redirect means success. `request.user` would not do: a signed-in user may be guessing another's password.
    if isinstance(response, HttpResponseRedirect):
        login_attempts.uncount(attempt)
    return response
