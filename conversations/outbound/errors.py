"""What can go wrong with a customer's URL: a closed tree.

OutboundError
├── OutboundRefused     the URL, or an address it leads to, is not allowed; nothing was sent there
├── OutboundFailed      no such name, or no connection
├── OutboundTlsFailed   no TLS handshake, or a certificate that is not trusted
├── OutboundTimeout     not done within the time given
├── OutboundCut         the server closed the connection before the end of its response
├── OutboundGarbled     the server sent something that is not HTTP
├── OutboundTooLarge    the server sent more than asked for, or says that it will
└── OutboundStatus      the server answered with another status than the one that is needed
"""

from typing import Literal

# The statuses below these that say nothing of the next request: a timeout, a request that was too early, a rate limit.
SERVER_ERRORS = 500
TRANSIENT = frozenset({408, 425, 429})

Reason = Literal["url", "scheme", "credentials", "host", "port", "address", "redirects"]


class OutboundError(Exception):
    """`message` is safe for customers: it names no address. `is_final`: the same again would end the same.

    `retry_after`: after how many seconds the server wants to be asked again, where it has said so.
    """

    is_final = False
    retry_after: float | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class OutboundRefused(OutboundError):
    """`reason` is the part of the URL at fault; "address" for a well-formed URL that leads where it must not.

    "redirects" for one that leads on too often.
    """

    is_final = True

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
    is_final = True


class OutboundStatus(OutboundError):
    def __init__(self, status: int, *, retry_after: float | None = None) -> None:
        super().__init__(f"the server answered with status {status}")
        self.status = status
        self.is_final = status < SERVER_ERRORS and status not in TRANSIENT
        self.retry_after = retry_after
