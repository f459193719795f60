"""One POST to a customer's receiver, through the guard, and what came of it: whatever happens is an outcome."""

import contextlib
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import httpx

from conversations.outbound import guard
from conversations.outbound.connect import within
from conversations.outbound.errors import OutboundError, OutboundRefused, OutboundTimeout, OutboundTooLarge
from providers.calls import retry

# In total, from looking up the name to the last byte that is read.
TIMEOUT_SECONDS = 15.0
# The status decides; of the body only a look is taken.
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
    # Not the receiver's doing: the sending process ended in the middle, cannot read the secret to sign with, or came
    # upon what it was not made for.
    INTERRUPTED = "interrupted"
    BROKEN = "broken"
    SECRET_UNREADABLE = "secret_unreadable"  # noqa: S105 — a word for an error


@dataclass(frozen=True, slots=True)
class Outcome:
    """Either `http_status` or `error`. `seconds` it took; `retry_after` in seconds, when the receiver asked for it."""

    seconds: float
    http_status: int | None = None
    error: SendError | None = None
    excerpt: str = ""
    retry_after: float | None = None


def post(client: httpx.Client, *, url: str, headers: dict[str, str], body: bytes) -> Outcome:
    """`client` is of `outbound.http`. Not by its `send`: here the status decides, however the body goes on."""
    began = time.monotonic()
    try:
        with (
            within(seconds=TIMEOUT_SECONDS, body_bytes=EXCERPT_BYTES),
            client.stream("POST", guard.cleaned(url), headers=headers, content=body, timeout=None) as response,
        ):
            return Outcome(
                seconds=time.monotonic() - began,
                http_status=response.status_code,
                excerpt=_excerpt(response),
                retry_after=retry.retry_after_seconds(response.headers, now=datetime.now(UTC)),
            )
    except (httpx.HTTPError, OutboundError) as exc:
        return Outcome(seconds=time.monotonic() - began, error=_word(exc))


def _excerpt(response: httpx.Response) -> str:
    """The beginning of the body as text. How the body ends is of no interest."""
    taken = bytearray()
    with contextlib.suppress(httpx.HTTPError, OutboundError):
        for piece in response.iter_raw():
            taken += piece
            if len(taken) >= EXCERPT_BYTES:
                break
    text = bytes(taken[:EXCERPT_BYTES]).decode("utf-8", "replace")
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _word(exc: Exception) -> SendError:
    match exc:
        case OutboundRefused():
            return SendError.REFUSED_URL
        case OutboundTimeout() | httpx.TimeoutException():
            return SendError.TIMED_OUT
        case OutboundTooLarge():
            return SendError.BAD_RESPONSE
        case httpx.ConnectError() | OutboundError():
            return SendError.TLS_FAILED if _is_about_tls(exc) else SendError.UNREACHABLE
        case httpx.NetworkError():
            return SendError.CLOSED_EARLY
    is_early = isinstance(exc, httpx.RemoteProtocolError) and "without sending" in str(exc)
    return SendError.CLOSED_EARLY if is_early else SendError.BAD_RESPONSE


def _is_about_tls(exc: BaseException | None) -> bool:
    while exc is not None:
        if isinstance(exc, ssl.SSLError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
