"""What a request says of a tool or of an MCP server, as the services take it."""

from collections.abc import Mapping
from typing import Any

from conversations.values.callers import Caller
from conversations.views.http import customer_urls

# Fields that have another name in the code.
RENAMED = {"idempotent": "is_idempotent", "enabled": "is_enabled"}


async def checked(given: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """With the URL's host looked up. Raises InvalidRequest and RateLimited."""
    values = {RENAMED.get(name, name): value for name, value in given.items()}
    if "url" in values:
        values["url"] = await customer_urls.checked(values["url"], param="url", account_id=caller.account_id)
    return values
