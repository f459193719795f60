"""The async DRF view under every API route: whatever goes wrong in it becomes an error body of the route's family."""

import math
import time
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
import structlog
from django.core.exceptions import DisallowedHost, TooManyFieldsSent
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.views import APIView

from conversations import errors
from conversations.dialects.dialect import ErrorRenderer
from conversations.errors import ParleyError
from conversations.rules import key_rights
from conversations.rules.client_tokens import refusals as token_refusals
from conversations.rules.client_tokens import rights
from conversations.stores import refusals
from conversations.values.callers import Caller
from conversations.views.bodies import incoming
from conversations.views.http import authentication, rate_limits, thread_shares

log = structlog.get_logger(__name__)

# No cache keeps an answer, and no browser guesses another content type.
PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
# With what a look-up may be old already (`authentication.GOOD_SECONDS`), within the 5 s in which a revoked key stops.
SLOW_BODY_SECONDS = 0.5
# When an unreachable store may be back.
UNREACHABLE_RETRY_SECONDS = 5.0
# Of the connection to a store, or to the resolver that looks up a customer's host.
CONNECTION_ERRORS = (ConnectionError, TimeoutError)
NUL_IN_QUERY = "The query contains a NUL character."


class BaseView(APIView):
    """Each instance serves one request. DRF's own dispatch is sync; the schema still finds its class attributes."""

    view_is_async = True
    # DRF's OPTIONS describes a route to its browsable API, which is not used here.
    http_method_names = [name for name in APIView.http_method_names if name != "options"]  # noqa: RUF012 — Django's own
    error_renderer: ClassVar[ErrorRenderer]
    # What a key must be allowed to speak (rules/key_rights.py).
    scope: ClassVar[str] = key_rights.API
    # What a client token must be allowed (rules/client_tokens/rights.py); None where none may come.
    client_scope: ClassVar[str | None] = None
    # How the key may be sent, for the OpenAPI document: names in `views/schema/components.py`.
    security_schemes: ClassVar[tuple[str, ...]] = ("key",)
    trace_id: uuid.UUID
    # Set on every response, also on one that refuses.
    response_headers: dict[str, str]
    # Known once the request is admitted.
    caller: Caller | None
    # In seconds of `time.monotonic()`; infinite before.
    admitted_at: float

    def begin(self) -> None:
        self.trace_id = uuid.uuid4()
        self.response_headers = {}
        self.caller = None
        self.admitted_at = math.inf

    async def admit(self, request: HttpRequest, *, amount: int = 1) -> Caller:
        """The caller, by the headers alone. Every request with a valid key is counted, also one that is refused later.

        Raises MissingKey, InvalidKey, KeyExpired, AccountDisabled, OutOfScope, RateLimited or ServiceUnavailable.
        """
        caller = await authentication.caller_of(self.api_key(request), address=request.META.get("REMOTE_ADDR", ""))
        if caller.visitor:
            rights.check_scope(caller, self.client_scope)
        elif not key_rights.may_speak(caller.scopes, self.scope):
            raise errors.OutOfScope(f"The API key does not have the scope {self.scope}.")
        await self.count(caller, amount=amount, body_bytes=declared_bytes(request))
        self.caller = caller
        self.admitted_at = time.monotonic()
        return caller

    async def admit_again(self, request: HttpRequest) -> bool:
        """For a request whose body took long: its key may have been revoked, or its account erased, meanwhile.

        Whether it did take long. Raises as `admit` does, which has counted the request.
        """
        if time.monotonic() <= self.admitted_at + SLOW_BODY_SECONDS:
            return False
        await authentication.caller_of(self.api_key(request), address=request.META.get("REMOTE_ADDR", ""))
        return True

    def api_key(self, request: HttpRequest) -> str | None:
        """The key as it was sent; None when none was. A family that has it elsewhere than in a header overrides this.

        Raises InvalidKey.
        """
        if self.client_scope is None:
            return authentication.bearer_key(request)
        return authentication.the_one(request, authentication.access_tokens(request))

    async def count(self, caller: Caller, *, amount: int, body_bytes: int) -> None:
        await rate_limits.count_other(caller, amount=amount, body_bytes=body_bytes)

    async def dispatch(  # type: ignore[override] # DRF's is sync
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        self.begin()
        refusal = _refusal(request)
        try:
            response = self.refuse(refusal) if refusal else await self.handle(request, *args, **kwargs)
        finally:
            # Also for a client that goes away while it sends its body.
            if self.caller and (body_bytes := incoming.of(request).undeclared_bytes):
                await rate_limits.count_body(self.caller, body_bytes=body_bytes)
        for name, value in self.response_headers.items():
            response[name] = value
        return response

    async def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if request.method not in self.allowed_methods:
                raise errors.MethodNotAllowed(f"{request.method} is not allowed here.")
            if "\x00" in request.path:
                # No stored id contains a NUL, and PostgreSQL refuses one in a query.
                raise errors.NotFound
            handler = getattr(self, request.method.lower())
            response: HttpResponseBase = await handler(request, *args, **kwargs)
        except ParleyError as exc:
            return self.refuse(exc)
        except TooManyFieldsSent:
            return self.refuse(errors.InvalidRequest("The query has too many parameters."))
        except Exception as exc:  # noqa: BLE001 — the caller gets an answer to any error; it is logged below
            return self.refuse(self._failure(exc))
        return response

    def _failure(self, exc: Exception) -> ParleyError:
        """503 for a store that is unreachable: it may answer the same request later. Anything else is our mistake."""
        trace_id = str(self.trace_id)
        if refusals.is_locked(exc):
            log.warning("row_locked", trace_id=trace_id)
            return thread_shares.locked()
        if refusals.is_away(exc) or isinstance(exc, CONNECTION_ERRORS):
            log.warning("store_unreachable", trace_id=trace_id, error=type(exc).__name__)
            return errors.ServiceUnavailable(retry_after=UNREACHABLE_RETRY_SECONDS)
        if isinstance(exc, DatabaseError):
            log.error("row_refused", trace_id=trace_id, **refusals.facts(exc), exc_info=exc)
        else:
            log.error("request_broke", trace_id=trace_id, exc_info=exc)
        return errors.InternalError()

    def refuse(self, error: ParleyError) -> HttpResponse:
        if self.caller and self.caller.visitor:
            error = token_refusals.to_visitor(error)
        body = self.error_renderer.body(error, trace_id=str(self.trace_id))
        response = json_response(body, status=self.error_renderer.status(error))
        if error.retry_after is not None:
            response["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
        if isinstance(error, errors.MethodNotAllowed):
            response["Allow"] = ", ".join(self.allowed_methods)
        return response


def _refusal(request: HttpRequest) -> ParleyError | None:
    """Why a request is refused on any route, before anything is looked up or counted."""
    try:
        request.get_host()
    except DisallowedHost:
        return errors.InvalidRequest("The Host header names no host that this server answers to.")
    if query_has_nul(request):
        return errors.InvalidRequest(NUL_IN_QUERY)
    return None


def declared_bytes(request: HttpRequest) -> int:
    """The length of the body, as far as the head says it; 0 for one in chunks."""
    return int(request.META.get("CONTENT_LENGTH") or 0)


def query_has_nul(request: HttpRequest) -> bool:
    """PostgreSQL refuses a NUL in any text. A query can write it only like this: the web server refuses a raw one."""
    return "%00" in request.META["QUERY_STRING"]


def json_response(body: Mapping[str, Any] | bytes, *, status: int = 200) -> HttpResponse:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {"Content-Length": str(len(content)), **PRIVATE}
    response = HttpResponse(content, status=status, content_type="application/json", headers=headers)
    # Django would log every refusal, in a thread of its own. What matters is logged where it happens.
    response._has_been_logged = True  # type: ignore[attr-defined] # unknown to the stubs
    return response
