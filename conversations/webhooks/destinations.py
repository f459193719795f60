"""Who stands behind a URL: attempts at once are limited per scheme, host and port, whoever's endpoint it is."""

from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def from_url(url: str) -> str:
    """`url` has been checked before: it has a scheme of the two, a host, and a port that can be one or none."""
    split = urlsplit(url)
    scheme, host = split.scheme.lower(), (split.hostname or "").lower()
    return f"{scheme}://{host}:{split.port or DEFAULT_PORTS[scheme]}"
