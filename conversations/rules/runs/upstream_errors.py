"""What an upstream's error means to our caller: every class of providers.errors has a row.

Only what the caller can mend keeps the vendor's words; the rest is the operator's business and found in the log.
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
    # Only when nobody says why we hung up.
    upstream.CallAborted: errors.InternalError,
}


def translate(
    error: upstream.ProviderError, *, aborted_by: type[errors.ParleyError] | None = None
) -> errors.ParleyError:
    """Our error for it. `aborted_by` is why we hung up ourselves: RunCancelled, DeadlineExceeded, …"""
    if isinstance(error, upstream.CallAborted) and aborted_by is not None:
        return aborted_by()
    meaning = MEANINGS[type(error)]
    if isinstance(error, upstream.UpstreamRejected):
        return meaning(error.message, param=error.param, vendor_code=error.vendor_code)
    return meaning(retry_after=error.retry_after)
