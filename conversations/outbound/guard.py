"""The checks of a customer's URL: of its form (`cleaned`), and of where it leads when it is given (`check_url`).

`check_url` only helps the customer. A name may have other addresses tomorrow, so `connect.py` judges every connection.
"""

import re
from collections.abc import Sequence
from typing import NewType

import httpx

from conversations.errors import InvalidRequest
from conversations.outbound import hosts
from conversations.outbound.addresses import Network, is_public, unwrapped
from conversations.outbound.errors import OutboundError, OutboundRefused
from conversations.outbound.lookups import Lookup, system_lookup
from conversations.outbound.resolve import allowed_addresses, known_addresses

URL_MAX_CHARS = 2048
PORT_MAX = 65535

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(?::(?P<port>[0-9]{1,5}))?")


# Only `check_url` makes one, so that no URL is stored unchecked.
CheckedUrl = NewType("CheckedUrl", str)


def check_url(url: str, *, param: str, allow: Sequence[Network], lookup: Lookup = system_lookup) -> CheckedUrl:
    """The URL in the form to store and to send to. Raises InvalidRequest naming `param`.

    It looks the name up, which may take 5 s, so it must not run inside a transaction.

    A name that cannot be looked up is refused too: it may be a typing error, which the customer can correct now, and
    an unknown address cannot be judged. If the resolver failed for a moment, the customer can try again.
    """
    try:
        clean = cleaned(url)
        allowed_addresses(clean.raw_host.decode("ascii"), allow=allow, lookup=lookup)
    except OutboundError as exc:
        raise InvalidRequest(f"{param}: {exc.message}", param=param) from exc
    return CheckedUrl(str(clean))


def needs_lookup(url: str) -> bool:
    """Whether `check_url` would ask a resolver, and so might take long."""
    try:
        return known_addresses(cleaned(url).raw_host.decode("ascii")) is None
    except OutboundRefused:
        return False


def is_surely_private(url: str) -> bool:
    """Whether nobody outside can follow the URL, as far as can be told without a lookup: false for most names."""
    try:
        host = cleaned(url).raw_host.decode("ascii")
    except OutboundRefused:
        return False
    known = known_addresses(host)
    if known is None:
        # A public name has a dot.
        return "." not in host.strip(".")
    return not all(is_public(unwrapped(address)) for address in known)


def cleaned(url: str) -> httpx.URL:
    """The URL with its host in canonical form, so that all parsers agree on where it leads. Looks nothing up.

    Raises OutboundRefused.
    """
    match = _URL.fullmatch(_checked(url))
    if match is None or match["scheme"].lower() not in ("http", "https"):
        raise OutboundRefused("the URL must begin with http:// or https://", reason="scheme")
    if "@" in match["authority"]:
        raise OutboundRefused("the URL must not hold a user name or password", reason="credentials")
    host, port = _host_and_port(match["authority"])
    try:
        clean = httpx.URL(f"{match['scheme'].lower()}://{host}{port}{match['rest']}")
    except httpx.InvalidURL as exc:
        raise OutboundRefused("the URL is not valid", reason="url") from exc
    _checked(str(clean))
    return clean


def _host_and_port(authority: str) -> tuple[str, str]:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise OutboundRefused("the URL has no valid host and port", reason="host")
    port = match["port"]
    if port is not None and not 1 <= int(port) <= PORT_MAX:
        raise OutboundRefused(f"the URL's port must be from 1 to {PORT_MAX}", reason="port")
    return hosts.canonical(match["host"]), f":{int(port)}" if port else ""


def _checked(url: str) -> str:
    if len(url) > URL_MAX_CHARS:
        raise OutboundRefused(f"the URL is longer than {URL_MAX_CHARS} characters", reason="url")
    # Parsers disagree on these characters: some strip them, some end the host there, some read \ as /.
    if not url.isprintable() or " " in url or "\\" in url:
        raise OutboundRefused("the URL holds a space, a control character or a backslash", reason="url")
    return url
