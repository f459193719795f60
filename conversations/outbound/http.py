"""Requests to customers' URLs: guarded, verified, never redirected, limited in time and size.

client = http.open_client(allow=settings.OUTBOUND_ALLOW, max_connections=64)        # one for a process
with http.post(client, url, headers=…, body=…, seconds=15, body_bytes=1024) as response:
    response.status_code, http.beginning(response, max_bytes=1024)

What is read as a whole is fetched (`fetch.py`).
"""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpcore
import httpx

from conversations.outbound import guard
from conversations.outbound.addresses import Network
from conversations.outbound.connect import GuardedBackend, within
from conversations.outbound.errors import (
    OutboundCut,
    OutboundError,
    OutboundFailed,
    OutboundGarbled,
    OutboundTimeout,
    OutboundTlsFailed,
)
from conversations.outbound.lookups import Lookup, system_lookup
from providers.transport import tls

# Uncompressed, because unpacking has no limit; and each connection serves one request, of one customer.
HEADERS = {"User-Agent": "Parley", "Accept-Encoding": "identity", "Connection": "close"}

# Of one body. A packet has 1,400 bytes, so 20 MB come in 15,000. A server that makes a chunk of each byte would hold
# the interpreter all the time: to parse one takes 20 microseconds.
PIECES_MAX = 50_000

Client = httpx.Client
Response = httpx.Response


class GuardedTransport(httpx.HTTPTransport):
    """httpx's own transport, but with an httpcore pool made here, because only the pool takes a network backend.

    If httpx ever kept its pool under another name, this transport would have none and send nothing.
    """

    def __init__(self, *, backend: GuardedBackend, trust: ssl.SSLContext, max_connections: int) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust, max_connections=max_connections, max_keepalive_connections=0, network_backend=backend
        )


def open_client(
    *,
    allow: Sequence[Network],
    max_connections: int,
    lookup: Lookup = system_lookup,
    authority: Path | None = None,
) -> Client:
    """A client for a whole process and all its threads. `authority`: a certificate to trust besides the usual ones.

    It uses no proxies from the environment, which would bypass the guard, and no cookies, which would be carried from
    one customer to another. Nor SSL_CERT_FILE, which is for vendors: customers' servers are in the public network,
    where a company's own authority has no say. Send through `send`, `post` or `get`: only there do the limits hold.
    """
    trust = tls.context() if authority is None else tls.usual_and(authority)
    backend = GuardedBackend(allow=allow, lookup=lookup)
    transport = GuardedTransport(backend=backend, trust=trust, max_connections=max_connections)
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.Client(
        transport=transport, trust_env=False, follow_redirects=False, cookies=no_cookies, headers=HEADERS
    )


@contextmanager
def send(
    client: Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    seconds: float,
    body_bytes: int,
) -> Iterator[Response]:
    """The response, whatever its status; its body is read inside the block.

    Everything from the lookup to the end of the block takes at most `seconds`, and no more is read than a head and a
    body of `body_bytes` may take. Raises OutboundError, also for what reading the body raises.
    """
    with (
        within(seconds=seconds, body_bytes=body_bytes) as bounds,
        _map_httpx_errors(),
        # No timeout for single steps: `within` limits the whole.
        client.stream(method, guard.cleaned(url), headers=headers, content=body, timeout=None) as response,
    ):
        bounds.has_head = True
        yield response


def post(
    client: Client, url: str, *, headers: Mapping[str, str], body: bytes, seconds: float, body_bytes: int
) -> AbstractContextManager[Response]:
    """As `send`."""
    return send(client, "POST", url, headers=headers, body=body, seconds=seconds, body_bytes=body_bytes)


def get(client: Client, url: str, *, seconds: float, body_bytes: int) -> AbstractContextManager[Response]:
    """As `send`, without a body and headers: a redirect may lead to anybody."""
    return send(client, "GET", url, headers={}, body=None, seconds=seconds, body_bytes=body_bytes)


def pieces(response: Response) -> Iterator[bytes]:
    """The body as it comes. Raises OutboundGarbled for one in more than PIECES_MAX chunks, and httpx's errors."""
    for count, piece in enumerate(response.iter_raw()):
        if count >= PIECES_MAX:
            raise OutboundGarbled("the server sends its answer in too many pieces")
        yield piece


def beginning(response: Response, *, max_bytes: int) -> bytes:
    """The first bytes of the body. How the body ends does not matter: never raises."""
    data = bytearray()
    with suppress(httpx.HTTPError, OutboundError):
        for chunk in pieces(response):
            data += chunk
            if len(data) >= max_bytes:
                break
    return bytes(data[:max_bytes])


@contextmanager
def _map_httpx_errors() -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as exc:
        raise OutboundTimeout("the server took too long") from exc
    except httpx.ConnectError as exc:
        raise _connect_error(exc) from exc
    except httpx.NetworkError as exc:
        raise OutboundCut("the server closed the connection") from exc
    except httpx.InvalidURL as exc:
        # httpx reads where a redirect leads, although it follows none.
        raise OutboundGarbled("the server leads on to something that is no URL") from exc
    except httpx.HTTPError as exc:
        # h11's words for a connection that was closed before the response, or in it.
        if isinstance(exc, httpx.RemoteProtocolError) and "without sending" in str(exc):
            raise OutboundCut("the server closed the connection") from exc
        raise OutboundGarbled("the server does not speak HTTP") from exc


def _connect_error(exc: httpx.ConnectError) -> OutboundError:
    if (found := tls.error_behind(exc)) is not None:
        return OutboundTlsFailed(f"TLS failed: {tls.explained(found)}")
    return OutboundFailed("the server cannot be reached")
