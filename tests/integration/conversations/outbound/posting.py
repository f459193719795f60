"""One POST as these tests make it, and its response."""

from collections.abc import Mapping
from dataclasses import dataclass

from conversations.outbound import http

MAX_BYTES = 1000


@dataclass(frozen=True)
class Posted:
    status: int
    headers: Mapping[str, str]
    body: bytes


def post(
    client: http.Client,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    seconds: float = 5.0,
) -> Posted:
    """The body is read to its end, so that its errors are raised too."""
    with http.post(client, url, headers=headers or {}, body=content, seconds=seconds, body_bytes=MAX_BYTES) as response:
        return Posted(response.status_code, response.headers, b"".join(response.iter_raw()))


def excerpt(client: http.Client, url: str, *, seconds: float = 5.0) -> Posted:
    """Only the beginning of the body is read."""
    with http.post(client, url, headers={}, body=b"{}", seconds=seconds, body_bytes=MAX_BYTES) as response:
        return Posted(response.status_code, response.headers, http.beginning(response, max_bytes=MAX_BYTES))
