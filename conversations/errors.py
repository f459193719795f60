"""Every way a request can end badly: one closed tree, rendered by each dialect in its own words.

ParleyError
├── caller   InvalidRequest UnknownModel ModelNotConfigured ModelNotFound UpstreamRefused ContentRefused
│            UpstreamForbidden ContextLengthExceeded BodyTooLarge NotFound ConversationDeleted NoSuchRoute
│            MethodNotAllowed NotYetServed MediaTypeNotSupported KnowledgeBusy
│            PreconditionFailed
├── access   MissingKey InvalidKey KeyExpired AccountDisabled OutOfScope ModelForbidden RateLimited TooManyTokens
│            QuotaExceeded
├── money    BalanceUsedUp CallsUsedUp CostLimitReached ModelNotPriced
├── turn     ConversationBusy NotWaiting Duplication RunCancelled ContentFiltered
└── service  UpstreamAuthRefused UpstreamOverloaded UpstreamFailed UpstreamTimedOut AnswerTooLong
             DeadlineExceeded ServiceUnavailable InternalError

`code` is our own stable word (stored on runs, found in logs); `status` the HTTP status when a family has no
other; `retryable` whether the same request may succeed later unchanged. Families: `dialects/*/errors.py`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class ParleyError(Exception):
    """`message` is shown to the caller; `param` names the field at fault; `retry_after` is in seconds.

    `vendor_code` is the vendor's own word for what it refused. `details` are further members of the error's object
    on the wire, for programs.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    retryable: ClassVar[bool] = False
    default_message: ClassVar[str] = ""

    def __init__(
        self,
        message: str = "",
        *,
        param: str | None = None,
        retry_after: float | None = None,
        vendor_code: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.param = param
        self.retry_after = retry_after
        self.vendor_code = vendor_code
        self.details = details or {}
        super().__init__(self.message)

    @property
    def facts(self) -> dict[str, Any]:
        """What it says beyond code and message, as far as it does; `from_code` makes the same error of it."""
        known = {"param": self.param, "retry_after": self.retry_after, "vendor_code": self.vendor_code}
        return {name: value for name, value in known.items() if value is not None}


class InvalidRequest(ParleyError):
    code, status = "invalid_request", 400
    default_message = "The request is not valid."


class UnknownModel(ParleyError):
    code, status = "unknown_model", 400
    default_message = "The model is not known."


class ModelNotConfigured(ParleyError):
    code, status = "model_not_configured", 400
    default_message = "The model's vendor is not configured."


class ModelNotFound(ParleyError):
    """We know the model, its vendor does not: not any more, or not for our key."""

    code, status = "model_not_found", 404
    default_message = "The model's vendor does not have it."


class ContentRefused(ParleyError):
    code, status = "content_refused", 400
    default_message = "The model's vendor refused the content."


class UpstreamForbidden(ParleyError):
    """As ContentRefused, by a vendor that says so with 403; or the vendor does not serve this region."""

    code, status = "upstream_forbidden", 403
    default_message = "The model's vendor does not allow this."


class UpstreamRefused(ParleyError):
    code, status = "upstream_refused", 400
    default_message = "The model refused the request."


class ContextLengthExceeded(ParleyError):
    code, status = "context_length_exceeded", 400
    default_message = "The question does not fit the model's context window."


class BodyTooLarge(ParleyError):
    code, status = "body_too_large", 413
    default_message = "The request body is too large."


class NotFound(ParleyError):
    code, status = "not_found", 404
    default_message = "Not found."


class ConversationDeleted(ParleyError):
    code, status = "conversation_deleted", 404
    default_message = "The conversation was deleted."


class NoSuchRoute(ParleyError):
    code, status = "no_such_route", 404
    default_message = "There is no such API."


class MethodNotAllowed(ParleyError):
    code, status = "method_not_allowed", 405
    default_message = "The method is not allowed here."


class NotYetServed(ParleyError):
    code, status = "not_yet_served", 400
    default_message = "This is not served yet."


class MediaTypeNotSupported(ParleyError):
    code, status = "media_type_not_supported", 415
    default_message = "The body is of a media type that is not understood here."


class KnowledgeBusy(ParleyError):
    """What is asked for cannot be done to a knowledge base, or a document in it, in the state that it is in."""

    code, status = "knowledge_busy", 409
    default_message = "The knowledge base is busy."


class PreconditionFailed(ParleyError):
    code, status = "precondition_failed", 412
    default_message = "It was changed meanwhile: it no longer has the ETag of If-Match."


class MissingKey(ParleyError):
    code, status = "missing_key", 401
    default_message = "No API key was sent."


class InvalidKey(ParleyError):
    code, status = "invalid_key", 401
    default_message = "The specified token is invalid or wrong."


class KeyExpired(ParleyError):
    """Only who has the key learns it. A revoked key is as unknown as an invented one."""

    code, status = "key_expired", 401
    default_message = "The API key has expired."


class OutOfScope(ParleyError):
    code, status = "out_of_scope", 403
    default_message = "The API key may not be used for this API."


class ModelForbidden(ParleyError):
    """Of a model that the key may not use, whether there is such a model or not."""

    code, status = "model_forbidden", 403
    default_message = "The API key may not use this model."


class AccountDisabled(ParleyError):
    code, status = "account_disabled", 403
    default_message = "The account is disabled."


class RateLimited(ParleyError):
    code, status, retryable = "rate_limited", 429, True
    default_message = "You have exceeded the rate limit."


class TooManyTokens(ParleyError):
    """One question alone has more tokens than may be used in a minute: asking again does not help."""

    code, status = "too_many_tokens", 429
    default_message = "The question has more tokens than may be used in a minute."


class QuotaExceeded(ParleyError):
    """Asking again does not help: something has to be deleted, or the operator to allow more."""

    code, status = "quota_exceeded", 403
    default_message = "The account has as many as it may have."


class BalanceUsedUp(ParleyError):
    """Asking again does not help: the balance has to be topped up."""

    code, status = "balance_used_up", 402
    default_message = "The account's balance does not suffice for this."


class CallsUsedUp(ParleyError):
    code, status = "calls_used_up", 402
    default_message = "The account has used up its calls."


class CostLimitReached(ParleyError):
    """The caller's own limit, the header X-Max-Cost."""

    code, status = "cost_limit_reached", 400
    default_message = "The answer costs more than X-Max-Cost allows."


class ModelNotPriced(ParleyError):
    code, status = "model_not_priced", 403
    default_message = "The model has no price here."


class ConversationBusy(ParleyError):
    code, status, retryable = "conversation_busy", 409, True
    default_message = "The conversation is busy with another message."


class NotWaiting(ParleyError):
    code, status = "not_waiting", 409
    default_message = "The run does not wait for an approval."


class Duplication(ParleyError):
    code, status = "duplication", 409
    default_message = "The idempotency key was used with another request."


class RunCancelled(ParleyError):
    code, status = "run_cancelled", 409
    default_message = "The run was cancelled before it had an answer."


class ContentFiltered(ParleyError):
    code, status = "content_filtered", 403
    default_message = "The answer was withheld by the model's content filter."


class UpstreamAuthRefused(ParleyError):
    code, status = "upstream_auth_refused", 500
    default_message = "The service could not sign in to the model's vendor."


class UpstreamOverloaded(ParleyError):
    code, status, retryable = "upstream_overloaded", 503, True
    default_message = "The model is overloaded; try again later."


class UpstreamFailed(ParleyError):
    code, status, retryable = "upstream_failed", 500, True
    default_message = "The model failed to answer."


class UpstreamTimedOut(ParleyError):
    code, status, retryable = "upstream_timed_out", 504, True
    default_message = "The model did not answer in time."


class AnswerTooLong(ParleyError):
    code, status = "answer_too_long", 500
    default_message = "The answer is longer than this service keeps."


class DeadlineExceeded(ParleyError):
    code, status, retryable = "deadline_exceeded", 504, True
    default_message = "The answer took longer than this service allows."


class ServiceUnavailable(ParleyError):
    code, status, retryable = "service_unavailable", 503, True
    default_message = "The service cannot take the request right now."


class InternalError(ParleyError):
    code, status, retryable = "internal_error", 500, True
    default_message = "Internal server error."


BY_CODE: dict[str, type[ParleyError]] = {cls.code: cls for cls in ParleyError.__subclasses__()}


def from_code(code: str, message: str, facts: Mapping[str, Any] | None = None) -> ParleyError:
    """The error a stored run ended with. Unknown codes (from a newer release) become InternalError."""
    return BY_CODE.get(code, InternalError)(message, **(facts or {}))
