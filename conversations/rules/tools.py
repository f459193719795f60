"""What the name and the headers of a tool, or of an MCP server, may be."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from conversations.errors import InvalidRequest

HEADERS_MAX = 16
HEADER_MAX_CHARS = 4_096
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# What may travel in a header.
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
# They say where the message ends, to whom it goes, and what is understood: the sender says these itself.
_OURS = frozenset(
    {"accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host"}
    | {"keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
_OURS_PREFIXES = ("mcp-", "proxy-")


def check_name(name: str) -> None:
    """Raises InvalidRequest."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest("name must be 1 to 64 of the characters A-Z a-z 0-9 _ -", param="name")


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises InvalidRequest, which quotes no value."""
    if len(headers) > HEADERS_MAX:
        raise InvalidRequest(f"headers has more than {HEADERS_MAX} members", param="headers")
    if len({name.lower() for name in headers}) != len(headers):
        raise InvalidRequest("headers has the same name twice", param="headers")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidRequest("headers has a name that is not one of a header", param="headers")
        if name.lower() in _OURS or name.lower().startswith(_OURS_PREFIXES):
            raise InvalidRequest(f"headers: {name} cannot be set", param="headers")
        if len(value) > HEADER_MAX_CHARS or not _HEADER_VALUE.fullmatch(value):
            raise InvalidRequest(
                f"headers: {name} must be up to {HEADER_MAX_CHARS} visible ASCII characters", param="headers"
            )


def is_same_origin(one: str, other: str) -> bool:
    """Of URLs whose form was checked."""
    return urlsplit(one)[:2] == urlsplit(other)[:2]
