"""Which of our errors a vendor's error becomes: every class of providers.errors has a row.

Only errors that the caller can correct keep the vendor's message; the others concern the operator and are logged.
"""

from conversations import errors
from providers import errors as upstream

MEANINGS: dict[type[upstream.ProviderError], type[errors.ParleyError]] = {
    upstream.UpstreamUnreachable: errors.UpstreamFailed,
    upstream.UpstreamUnavailable: errors.UpstreamFailed,
    upstream.UpstreamRateLimited: errors.UpstreamOverloaded,
    upstream.UpstreamCut: errors.UpstreamFailed,
    upstream.UpstreamEmpty: errors.UpstreamFailed,
    upstream.UpstreamTimeout: errors.UpstreamTimedOut,
    upstream.UpstreamGarbled: errors.UpstreamFailed,
    upstream.AnswerTooLong: errors.AnswerTooLong,
    upstream.UpstreamAuthFailed: errors.UpstreamAuthRefused,
    upstream.UpstreamRejected: errors.UpstreamRefused,
    upstream.ContextTooLong: errors.ContextLengthExceeded,
    upstream.RequestTooLarge: errors.BodyTooLarge,
    upstream.ModelNotFound: errors.ModelNotFound,
    upstream.ContentRefused: errors.ContentRefused,
    upstream.UpstreamForbidden: errors.UpstreamForbidden,
    upstream.RegionRefused: errors.UpstreamForbidden,
    # Who aborts a call reports the cause instead; this is for an abort without one.
    upstream.CallAborted: errors.InternalError,
}


def translate(error: upstream.ProviderError) -> errors.ParleyError:
    meaning = MEANINGS[type(error)]
    if isinstance(error, upstream.UpstreamRejected):
        return meaning(error.message, param=error.param, vendor_code=error.vendor_code)
    return meaning(retry_after=error.retry_after)
