"""What can go wrong with a customer's URL: a closed tree.

OutboundError
├── OutboundRefused     the URL, or an address it leads to, is not allowed; nothing was sent there
├── OutboundFailed      no such name, or no connection
├── OutboundTlsFailed   no TLS handshake, or a certificate that is not trusted
├── OutboundTimeout     not done within the time given
├── OutboundCut         the server closed the connection before the end of its response
├── OutboundGarbled     the server sent something that is not HTTP
└── OutboundTooLarge    the server sent more than asked for
"""

from typing import Literal

Reason = Literal["url", "scheme", "credentials", "host", "port", "address"]


class OutboundError(Exception):
    """`message` is safe for customers: it names no address."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class OutboundRefused(OutboundError):
    """`reason` is the part of the URL at fault; "address" for a well-formed URL that leads where it must not."""

    def __init__(self, message: str, *, reason: Reason) -> None:
        super().__init__(message)
        self.reason: Reason = reason


class OutboundFailed(OutboundError):
    pass


class OutboundTlsFailed(OutboundError):
    pass


class OutboundTimeout(OutboundError):
    pass


class OutboundCut(OutboundError):
    pass


class OutboundGarbled(OutboundError):
    pass


class OutboundTooLarge(OutboundError):
    pass
