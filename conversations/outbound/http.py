"""Requests to customers' URLs: guarded, verified, never redirected, bounded in time and size.

client = http.open_client(allow=settings.OUTBOUND_ALLOW, max_connections=64)        # one for a process
reply = http.send(client, "POST", url, seconds=15, max_bytes=16_384, headers=…, content=…)
"""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpcore
import httpx

from conversations.outbound import guard
from conversations.outbound.addresses import Network
from conversations.outbound.connect import GuardedBackend, within
from conversations.outbound.errors import OutboundFailed, OutboundTimeout, OutboundTooLarge
from conversations.outbound.lookups import Lookup, system_lookup
from providers.transport import tls

# Uncompressed, because unpacking has no bound; and each connection serves one request, of one customer.
HEADERS = {"User-Agent": "Parley", "Accept-Encoding": "identity", "Connection": "close"}


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is as it came, and at most as long as asked for; `is_cut`: there was more."""

    status: int
    headers: httpx.Headers
    body: bytes
    is_cut: bool

    def whole_body(self) -> bytes:
        """Raises OutboundTooLarge when there was more."""
        if self.is_cut:
            raise OutboundTooLarge(f"the answer is longer than {len(self.body)} bytes")
        return self.body


class GuardedTransport(httpx.HTTPTransport):
    """httpx's own, with httpcore's pool made here: that is where a network backend is given.

    Were httpx to keep its pool elsewhere one day, this would have none and send nothing.
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
) -> httpx.Client:
    """A client for a whole process and all its threads. `authority`: a certificate to trust besides the usual ones.

    Proxies from the environment would bypass the guard, and cookies would carry over between customers: neither is
    used. Nor is SSL_CERT_FILE, which is for vendors: customers' servers stand in the public network, and a company's
    own authority has no say in who they are. Send through `send`: only there do the bounds hold.
    """
    trust = tls.context()
    if authority is not None:
        trust.load_verify_locations(authority)
    backend = GuardedBackend(allow=allow, lookup=lookup)
    transport = GuardedTransport(backend=backend, trust=trust, max_connections=max_connections)
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.Client(
        transport=transport, trust_env=False, follow_redirects=False, cookies=no_cookies, headers=HEADERS
    )


def send(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    seconds: float,
    max_bytes: int,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
) -> Reply:
    """One request and its answer, whatever its status, within `seconds` from lookup to last byte.

    Raises OutboundRefused, OutboundFailed, OutboundTimeout, or OutboundTooLarge for a head without end. Who follows a
    redirect sends anew, and is judged anew.
    """
    target = guard.cleaned(url)
    request = client.build_request(method, target, headers=headers, content=content, timeout=seconds)
    with within(seconds=seconds, body_bytes=max_bytes), _our_errors():
        response = client.send(request, stream=True, follow_redirects=False)
        try:
            body, is_cut = _read(response, max_bytes)
        finally:
            response.close()
    return Reply(response.status_code, response.headers, body, is_cut)


def _read(response: httpx.Response, max_bytes: int) -> tuple[bytes, bool]:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > max_bytes:
            return bytes(body[:max_bytes]), True
    return bytes(body), False


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as exc:
        raise OutboundTimeout("the server took too long") from exc
    except httpx.ConnectError as exc:
        raise OutboundFailed(_why_not_connected(exc)) from exc
    except httpx.TransportError as exc:
        raise OutboundFailed("the server broke off, or does not speak HTTP") from exc


def _why_not_connected(exc: BaseException) -> str:
    """A bad certificate is the customer's to repair, so it is named."""
    found = tls.error_behind(exc)
    if isinstance(found, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {found.verify_message}"
    if found is not None:
        return "the server does not speak TLS as it should"
    return "the server cannot be reached"
