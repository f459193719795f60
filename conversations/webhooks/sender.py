"""One POST to a customer's server, through the guard. Whatever happens is an outcome: nothing is raised."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from conversations.outbound import http
from conversations.outbound.errors import (
    OutboundCut,
    OutboundError,
    OutboundFailed,
    OutboundGarbled,
    OutboundRefused,
    OutboundStatus,
    OutboundTimeout,
    OutboundTlsFailed,
    OutboundTooLarge,
)
from providers.transport import retry_after

# For the whole attempt, from the lookup of the name to the last byte that is read.
TIMEOUT_SECONDS = 15.0
# The status decides; of the body only the beginning is read, for the customer to look at.
EXCERPT_BYTES = 1_024


class SendError(StrEnum):
    """Why there was no response."""

    UNREACHABLE = "unreachable"
    TLS_FAILED = "tls_failed"
    TIMED_OUT = "timed_out"
    CLOSED_EARLY = "closed_early"
    BAD_RESPONSE = "bad_response"
    # The URL, or an address that its host has by now, is not allowed: nothing was sent.
    REFUSED_URL = "refused_url"
    # Not the receiver's fault: the sending process ended in the middle, met an unexpected error, or could not decrypt
    # the secret to sign with.
    INTERRUPTED = "interrupted"
    BROKEN = "broken"
    SECRET_UNREADABLE = "secret_unreadable"  # noqa: S105 — the name of an error


SEND_ERRORS: Mapping[type[OutboundError], SendError] = {
    OutboundRefused: SendError.REFUSED_URL,
    OutboundFailed: SendError.UNREACHABLE,
    OutboundTlsFailed: SendError.TLS_FAILED,
    OutboundTimeout: SendError.TIMED_OUT,
    OutboundCut: SendError.CLOSED_EARLY,
    OutboundGarbled: SendError.BAD_RESPONSE,
    OutboundTooLarge: SendError.BAD_RESPONSE,
    # Of what is fetched alone: a delivery keeps whatever status it gets.
    OutboundStatus: SendError.BAD_RESPONSE,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Either `http_status` or `error` is set. `seconds` until the response; `retry_after` in seconds, if asked for."""

    seconds: float
    http_status: int | None = None
    error: SendError | None = None
    excerpt: str = ""
    retry_after: float | None = None


def post(client: http.Client, *, url: str, headers: dict[str, str], body: bytes) -> Outcome:
    """`client` is one of `outbound.http`. The status decides, however the body of the response goes on."""
    began = time.monotonic()
    try:
        with http.post(
            client, url, headers=headers, body=body, seconds=TIMEOUT_SECONDS, body_bytes=EXCERPT_BYTES
        ) as response:
            return Outcome(
                seconds=time.monotonic() - began,
                http_status=response.status_code,
                excerpt=_printable(http.beginning(response, max_bytes=EXCERPT_BYTES)),
                retry_after=retry_after.from_headers(response.headers, now=datetime.now(UTC)),
            )
    except OutboundError as exc:
        return Outcome(seconds=time.monotonic() - began, error=SEND_ERRORS[type(exc)])


def _printable(data: bytes) -> str:
    """As text that can be stored and shown."""
    text = data.decode("utf-8", "replace")
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)
