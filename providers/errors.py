"""What can go wrong when a model is asked: a closed tree.

ProviderError
├── UpstreamUnreachable     no connection, or it broke before the response began       retryable
├── UpstreamUnavailable     5xx, or a server error inside a 200                        retryable
├── UpstreamRateLimited     429                                                        retryable
├── UpstreamCut             the response ended before the answer was complete          retryable
├── UpstreamEmpty           the answer is finished and holds nothing                   retryable
├── UpstreamTimeout         silence for longer than the read timeout
├── UpstreamGarbled         the response does not follow the protocol, or the base URL is wrong
├── AnswerTooLong           the answer is larger than we keep; what came before is valid
├── UpstreamAuthFailed      401, 402, 403, or no balance: the operator must correct key or account
├── UpstreamRejected        other 4xx: the caller's request, with the vendor's message
│   ├── ContextTooLong      the prompt does not fit the model's window
│   ├── RequestTooLarge     413 for another reason: the body is too large
│   ├── ModelNotFound       the vendor has no such model, or not for our key
│   ├── ContentRefused      the vendor's moderation refused the request
│   ├── UpstreamForbidden   the same from a vendor that answers with 403
│   └── RegionRefused       the vendor does not serve the region that we ask from
└── CallAborted             we ended the call ourselves

`retryable` means: the same call may succeed if made again before anything was published.
"""

from typing import ClassVar


class ProviderError(Exception):
    """`message` is safe for customers. `retry_after` in seconds, if the vendor asked for it.

    `reason` is for the operator's log alone: a few words of ours, of the TLS library or of the operating system.
    """

    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        vendor_code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.vendor_code = vendor_code
        self.param = param
        self.retry_after = retry_after
        self.request_id = request_id
        self.reason = reason


class UpstreamUnreachable(ProviderError):
    retryable = True


class UpstreamUnavailable(ProviderError):
    retryable = True


class UpstreamRateLimited(ProviderError):
    retryable = True


class UpstreamCut(ProviderError):
    retryable = True


class UpstreamEmpty(ProviderError):
    retryable = True


class UpstreamTimeout(ProviderError):
    pass


class UpstreamGarbled(ProviderError):
    pass


class AnswerTooLong(ProviderError):
    pass


class UpstreamAuthFailed(ProviderError):
    pass


class UpstreamRejected(ProviderError):
    pass


class ContextTooLong(UpstreamRejected):
    pass


class RequestTooLarge(UpstreamRejected):
    pass


class ModelNotFound(UpstreamRejected):
    pass


class ContentRefused(UpstreamRejected):
    pass


class UpstreamForbidden(UpstreamRejected):
    pass


class RegionRefused(UpstreamRejected):
    pass


class CallAborted(ProviderError):
    pass
