"""The closed tree of what can go wrong upstream.

ProviderError
├── UpstreamUnreachable     no connection, or it broke before the response began       retryable
├── UpstreamUnavailable     5xx, or a server error inside a 200                        retryable
├── UpstreamRateLimited     429                                                        retryable
├── UpstreamCut             the stream ended with neither finish_reason nor [DONE]     retryable
├── UpstreamEmpty           the answer ended well and holds nothing                    retryable
├── UpstreamTimeout         silence for longer than the read timeout
├── UpstreamGarbled         the vendor's bytes are not the protocol, or nothing is behind the base URL
├── AnswerTooLong           the answer is larger than we keep; what came of it before is good
├── UpstreamAuthFailed      401, 402, 403, or want of money: our credentials or balance, the operator's business
├── UpstreamRejected        other 4xx: the caller's request, with the vendor's message
│   ├── ContextTooLong      the prompt does not fit the model's window
│   ├── RequestTooLarge     413 for another reason: the body itself
│   ├── ModelNotFound       the vendor has no such model, or not for our key
│   ├── ContentRefused      the vendor's moderation refused what was asked
│   └── UpstreamForbidden   the same, by a vendor that says so with 403; or a region it does not serve
└── CallAborted             we hung up ourselves

`retryable` means: the same call may succeed if made again before anything was published.
"""

from typing import ClassVar


class ProviderError(Exception):
    """`message` is safe for customers; `retry_after` in seconds as the vendor asked, when it did.

    `reason`, in a few words of ours or the TLS library's, is for the operator's log alone.
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


class CallAborted(ProviderError):
    pass
