"""The one door to the network: a shared httpx transport, and its errors turned into ours.

What an HTTP answer means is the protocol's business.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from providers.errors import UpstreamCut, UpstreamTimeout, UpstreamUnreachable
from providers.transport import tls
from providers.transport.abortable import AbortableBackend

# Kept shorter than the minutes that vendors wait, so that they seldom close a connection as we reach for it.
KEEPALIVE_SECONDS = 30.0
# httpcore looks at every idle connection on every request: a long row of them costs more than it saves.
MAX_IDLE_CONNECTIONS = 16


def open_transport(*, max_connections: int, trust: ssl.SSLContext | None = None) -> httpx.HTTPTransport:
    """For a whole process: making one costs about 50 ms. `max_connections`: one for each thread.

    `trust` is whose certificates are believed (`tls.context`); without it the usual authorities'.

    No httpx.Client around it: redirects, cookies and proxies from the environment are what we do not want, for a key
    goes to the configured address or nowhere; and looking for them costs 0.2 ms a call.
    """
    limits = httpx.Limits(
        max_connections=max_connections,
        max_keepalive_connections=min(max_connections, MAX_IDLE_CONNECTIONS),
        keepalive_expiry=KEEPALIVE_SECONDS,
    )
    transport = httpx.HTTPTransport(
        verify=trust or tls.context(), trust_env=False, http1=True, http2=False, limits=limits
    )
    # httpx has no public way to choose the network backend; a test holds this attribute in place.
    transport._pool._network_backend = AbortableBackend()
    return transport


def timeouts(*, connect: float, read: float) -> httpx.Timeout:
    """Seconds. `read` is the longest silence, not the longest answer."""
    return httpx.Timeout(connect=connect, read=read, write=read, pool=connect)


@contextmanager
def map_httpx_errors(label: str, *, response_began: bool) -> Iterator[None]:
    """Raises UpstreamTimeout, UpstreamUnreachable, or UpstreamCut once the response began, in httpx's place."""
    try:
        yield
    except (httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ConnectError) as exc:
        raise UpstreamUnreachable(f"{label} cannot be reached.", reason=_reason(exc)) from exc
    except httpx.TimeoutException as exc:
        raise UpstreamTimeout(f"{label} was silent for too long.") from exc
    except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as exc:
        if response_began:
            raise UpstreamCut(f"{label} broke off in the middle of its answer.", reason=_reason(exc)) from exc
        message = f"{label} closed the connection before answering."
        raise UpstreamUnreachable(message, reason=_reason(exc)) from exc


def _reason(exc: BaseException) -> str:
    """For the operator: whether it was TLS, and why; else what the operating system said of the connection."""
    if (found := tls.error_behind(exc)) is not None:
        return f"TLS: {tls.explained(found)}"
    said = [error.strerror for error in tls.chain(exc) if isinstance(error, OSError) and error.strerror]
    return said[-1] if said else type(exc).__name__
