"""Reads a whole document from a customer's URL: guarded at every redirect, bounded in size, time and share.

fetcher = fetch.Fetcher(allow=settings.OUTBOUND_ALLOW)                              # one for a process
fetched = fetcher.fetch(url, owner=account_id)
"""

import re
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from conversations.outbound import guard, http, lookups, unpacking
from conversations.outbound.addresses import Network
from conversations.outbound.errors import OutboundRefused, OutboundStatus, OutboundTimeout
from conversations.outbound.lookups import Lookup, system_lookup
from conversations.shares import Shares
from providers.transport import retry_after

MAX_BYTES = 20_000_000
# From the first lookup to the last byte, over all redirects.
SECONDS = 20.0
REDIRECTS = 5
# Of one process. Each may hold MAX_BYTES in memory.
AT_ONCE = 16

OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADER_MAX_CHARS = 256
_MEDIA_TYPE = re.compile(r"\s*([a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+)\s*(?:;|$)", re.IGNORECASE)
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([a-z0-9_.:+-]{1,40})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fetched:
    """`url` is the last one, after all redirects. `media_type` and `charset` are as the server says, "" for nothing.

    Both are ASCII in lower case, without parameters.
    """

    data: bytes
    url: str
    media_type: str = ""
    charset: str = ""

    @property
    def declared(self) -> str:
        """Both, as one header."""
        return f"{self.media_type}; charset={self.charset}" if self.charset else self.media_type


class Fetcher:
    """Of one process, for all its threads. An owner, such as an account, has at most a share of what is under way."""

    def __init__(self, *, allow: Sequence[Network], at_once: int = AT_ONCE, lookup: Lookup = system_lookup) -> None:
        self._client = http.open_client(allow=allow, max_connections=at_once, lookup=lookup)
        self._shares = Shares(at_once)

    def fetch(
        self,
        url: str,
        *,
        owner: Hashable,
        seconds: float = SECONDS,
        most_bytes: int = MAX_BYTES,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> Fetched:
        """Takes at most `seconds`, with the time in which the owner waits for one of its own others.

        `may_go_on` is asked before each piece. Raises OutboundError.
        """
        ends_at = time.monotonic() + seconds
        if not self._shares.begin(owner, seconds=seconds):
            raise OutboundTimeout("too many others are being read for this account")
        try:
            with lookups.asked_for(owner):
                return fetch(
                    self._client,
                    url,
                    seconds=ends_at - time.monotonic(),
                    most_bytes=most_bytes,
                    may_go_on=may_go_on,
                )
        finally:
            self._shares.end(owner)


def fetch(
    client: http.Client,
    url: str,
    *,
    seconds: float = SECONDS,
    most_bytes: int = MAX_BYTES,
    may_go_on: Callable[[], bool] = lambda: True,
) -> Fetched:
    """As `Fetcher.fetch`."""
    ends_at = time.monotonic() + seconds
    seen = [guard.cleaned(url)]
    while True:
        left = ends_at - time.monotonic()
        if left <= 0:
            raise OutboundTimeout("the server took too long")
        with http.get(client, str(seen[-1]), seconds=left, body_bytes=most_bytes) as response:
            if response.status_code not in _REDIRECTS:
                return _document(response, str(seen[-1]), most_bytes=most_bytes, may_go_on=may_go_on)
            seen.append(_next(response, seen))


def _next(response: http.Response, seen: Sequence[httpx.URL]) -> httpx.URL:
    """Where a redirect leads. What it leads to is judged as the first URL was, and when it is connected to."""
    if len(seen) > REDIRECTS:
        raise OutboundRefused(f"the URL leads on more than {REDIRECTS} times", reason="redirects")
    location = response.headers.get("location", "")
    if not location:
        raise OutboundStatus(response.status_code)
    try:
        following = guard.cleaned(str(seen[-1].join(location[: guard.URL_MAX_CHARS + 1])))
    except httpx.InvalidURL as exc:
        raise OutboundRefused("the URL leads on to one that is not valid", reason="url") from exc
    if following in seen:
        raise OutboundRefused("the URL leads back to itself", reason="redirects")
    if seen[-1].scheme == "https" and following.scheme != "https":
        # What comes without encryption may be anybody's, and the customer has asked for better.
        raise OutboundRefused("the URL leads on from https to http", reason="scheme")
    return following


def _document(response: http.Response, url: str, *, most_bytes: int, may_go_on: Callable[[], bool]) -> Fetched:
    if response.status_code != OK:
        wait = retry_after.from_headers(response.headers, now=datetime.now(UTC))
        raise OutboundStatus(response.status_code, retry_after=wait)
    length = response.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > most_bytes:
        raise unpacking.too_large(most_bytes)
    encoding = response.headers.get("content-encoding", "")
    data = unpacking.whole(_pieces(response, may_go_on), encoding=encoding, most_bytes=most_bytes)
    declared = response.headers.get("content-type", "")[:_HEADER_MAX_CHARS]
    return Fetched(data, url, media_type=_found(_MEDIA_TYPE, declared), charset=_found(_CHARSET, declared))


def _pieces(response: http.Response, may_go_on: Callable[[], bool]) -> Iterator[bytes]:
    for piece in http.pieces(response):
        if not may_go_on():
            raise OutboundTimeout("nobody waits for it any more")
        yield piece


def _found(pattern: re.Pattern[str], declared: str) -> str:
    match = pattern.match(declared) if pattern is _MEDIA_TYPE else pattern.search(declared)
    return match[1].lower() if match else ""
