"""The headers that calls of a tool are sent with. They hold secrets: encrypted in the database, and never shown again.

Whoever may change a tool was perhaps never told its secrets. So they stay with the server that they were given for.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from conversations import encryption
from conversations.errors import InvalidRequest
from conversations.models import McpServer, Tool
from conversations.rules import tools as rules


def sealed(headers: Mapping[str, str]) -> dict[str, Any]:
    """The columns. Raises InvalidRequest."""
    rules.check_headers(headers)
    encrypted = encryption.encrypt(orjson.dumps(dict(headers)).decode()) if headers else ""
    return {"header_names": sorted(headers, key=str.lower), "encrypted_headers": encrypted}


def check_move(row: Tool | McpServer, *, url: str, headers: Mapping[str, str] | None) -> None:
    """Raises InvalidRequest when the row's headers would go to another server than they were given for."""
    if row.encrypted_headers and headers is None and not rules.is_same_origin(row.url, url):
        raise InvalidRequest("headers must be given again for another server", param="headers")
