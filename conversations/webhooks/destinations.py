"""The server behind a URL. Attempts at once are limited for each, whoever's endpoint it is."""

from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def from_url(url: str) -> str:
    """Scheme, host and port. `url` was checked before: its scheme is one of the two, it has a host and a valid port."""
    split = urlsplit(url)
    scheme, host = split.scheme.lower(), (split.hostname or "").lower()
    return f"{scheme}://{host}:{split.port or DEFAULT_PORTS[scheme]}"
