"""What can go wrong with a customer's URL: a closed tree.

OutboundError
├── OutboundRefused     the URL, or an address it leads to, is not allowed; nothing was sent there
├── OutboundFailed      no such name, no connection, no trusted certificate, or cut off      retryable
├── OutboundTimeout     not done within the time given                                       retryable
└── OutboundTooLarge    the answer is longer than asked for

`retryable` means: the same request may succeed later without the customer changing anything.
"""

from typing import ClassVar, Literal

Reason = Literal["url", "scheme", "credentials", "host", "port", "address"]


class OutboundError(Exception):
    """`message` is safe for customers: it names no address."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class OutboundRefused(OutboundError):
    """`reason` is the part at fault: "address" when the URL is well written but leads where it must not."""

    def __init__(self, message: str, *, reason: Reason) -> None:
        super().__init__(message)
        self.reason: Reason = reason


class OutboundFailed(OutboundError):
    retryable = True


class OutboundTimeout(OutboundError):
    retryable = True


class OutboundTooLarge(OutboundError):
    pass
