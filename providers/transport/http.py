"""The only way to the network: a shared httpx transport, one POST through it, and httpx's errors turned into ours.

What an HTTP response means is up to the protocol. The rest of `providers` names httpx's types as they are named here.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import httpx

from providers.errors import UpstreamCut, UpstreamTimeout, UpstreamUnreachable
from providers.transport import tls
from providers.transport.abortable import AbortableBackend, AbortHandle, bound_to

# Kept shorter than the minutes that vendors wait, so that they seldom close a connection just as we use it again.
KEEPALIVE_SECONDS = 30.0
# httpcore looks at every idle connection on every request: many of them cost more than they save.
MAX_IDLE_CONNECTIONS = 16

Transport = httpx.BaseTransport
Response = httpx.Response
Headers = httpx.Headers
# What reading a body may raise.
TransportError = httpx.TransportError


class Envelope(NamedTuple):
    """All of a request but its body. Making one costs 0.1 ms, so callers keep it."""

    url: httpx.URL
    headers: httpx.Headers


def open_transport(*, max_connections: int, trust: ssl.SSLContext | None = None) -> httpx.HTTPTransport:
    """One for a whole process: making it takes about 50 ms. `max_connections`: one for each thread.

    `trust` says which certificate authorities are trusted (`tls.context`); by default the usual ones.

    There is no httpx.Client around it: redirects, cookies and proxies from the environment are not wanted, because
    a key goes to the configured address or nowhere, and looking for them costs 0.2 ms a call.
    """
    limits = httpx.Limits(
        max_connections=max_connections,
        max_keepalive_connections=min(max_connections, MAX_IDLE_CONNECTIONS),
        keepalive_expiry=KEEPALIVE_SECONDS,
    )
    transport = httpx.HTTPTransport(
        verify=trust or tls.context(), trust_env=False, http1=True, http2=False, limits=limits
    )
    # httpx has no public way to choose the network backend; a test checks that this attribute is still the one.
    transport._pool._network_backend = AbortableBackend()
    return transport


def envelope(url: str, headers: Mapping[str, str]) -> Envelope:
    """Raises httpx.InvalidURL, which `map_httpx_errors` knows."""
    return Envelope(httpx.URL(url), httpx.Headers(headers))


def timeouts(*, connect: float, read: float) -> httpx.Timeout:
    """Seconds. `read` is the longest silence, not the longest answer."""
    return httpx.Timeout(connect=connect, read=read, write=read, pool=connect)


def post(
    transport: Transport, envelope: Envelope, body: bytes, *, limits: httpx.Timeout, handle: AbortHandle
) -> Response:
    """The response, its body still unread. `handle` can abort it, from now until the body is read.

    Raises httpx's errors: see `map_httpx_errors`.
    """
    url, headers = envelope
    request = httpx.Request("POST", url, headers=headers, content=body, extensions={"timeout": limits.as_dict()})
    with bound_to(handle):
        return transport.handle_request(request)


def get(transport: Transport, envelope: Envelope, *, limits: httpx.Timeout, handle: AbortHandle) -> Response:
    """As `post`."""
    url, headers = envelope
    request = httpx.Request("GET", url, headers=headers, extensions={"timeout": limits.as_dict()})
    with bound_to(handle):
        return transport.handle_request(request)


@contextmanager
def map_httpx_errors(display_name: str, *, response_began: bool) -> Iterator[None]:
    """Raises UpstreamTimeout, UpstreamUnreachable, or UpstreamCut once the response began, for httpx's errors."""
    try:
        yield
    except (httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ConnectError) as exc:
        raise UpstreamUnreachable(f"{display_name} cannot be reached.", reason=_reason(exc)) from exc
    except httpx.TimeoutException as exc:
        raise UpstreamTimeout(f"{display_name} was silent for too long.") from exc
    except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as exc:
        if response_began:
            raise UpstreamCut(f"{display_name} broke off in the middle of its answer.", reason=_reason(exc)) from exc
        message = f"{display_name} closed the connection before answering."
        raise UpstreamUnreachable(message, reason=_reason(exc)) from exc


def _reason(exc: BaseException) -> str:
    """For the operator: the TLS error if there was one, else what the operating system said of the connection."""
    if (found := tls.error_behind(exc)) is not None:
        return f"TLS: {tls.explained(found)}"
    messages = [error.strerror for error in tls.chain(exc) if isinstance(error, OSError) and error.strerror]
    return messages[-1] if messages else type(exc).__name__
