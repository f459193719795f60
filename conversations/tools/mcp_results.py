"""What MCP servers answer, made fit to be stored, and shown to a model."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import mcp_types
import orjson

from conversations.tools import schemas
from conversations.tools.schemas import UnusableSchema
from conversations.values.tools import ListedTool, Listing
from providers import untrusted

# As many functions as OpenAI takes in one request.
TOOLS_MAX = 128
NAME_MAX_CHARS = 128
DESCRIPTION_MAX_CHARS = 4_096
# Of all names, descriptions and schemas of a server.
LISTING_BYTES = 524_288


def listing(tools: Sequence[mcp_types.Tool], *, is_complete: bool = True) -> Listing:
    """Those that can be offered, each name once."""
    kept: dict[str, ListedTool] = {}
    bytes_left = LISTING_BYTES
    for tool in tools:
        listed = _listed(tool)
        if listed is None or listed.name in kept or len(kept) == TOOLS_MAX:
            continue
        bytes_left -= len(orjson.dumps(asdict(listed)))
        if bytes_left < 0:
            break
        kept[listed.name] = listed
    left_out = len(tools) - len(kept)
    return Listing(tuple(kept.values()), left_out=left_out if is_complete else max(left_out, 1))


def _listed(tool: mcp_types.Tool) -> ListedTool | None:
    """None for a tool without a usable name, or with a schema that no model can be shown."""
    # Sent back as it is in a call, so it is not made fit.
    if not tool.name or len(tool.name) > NAME_MAX_CHARS or untrusted.text(tool.name) != tool.name:
        return None
    schema = tool.input_schema
    try:
        schemas.check_size(schema)
    except UnusableSchema:
        return None
    hints = tool.annotations
    return ListedTool(
        name=tool.name,
        description=plain(tool.description or tool.title or "", most=DESCRIPTION_MAX_CHARS),
        parameters=untrusted.storable(schema),
        is_idempotent=bool(hints and (hints.idempotent_hint or hints.read_only_hint)),
    )


def text(result: mcp_types.CallToolResult) -> str:
    """Texts as they are, and a line about everything else."""
    pieces = [_text(block.model_dump(by_alias=True, mode="json", exclude_none=True)) for block in result.content]
    if not pieces and result.structured_content is not None:
        pieces = [json.dumps(untrusted.storable(result.structured_content), ensure_ascii=False)]
    return "\n".join(pieces)


def _text(block: Mapping[str, Any]) -> str:
    kind = block.get("type", "")
    if kind == "text":
        return str(block.get("text", ""))
    resource = block.get("resource")
    held = resource if isinstance(resource, dict) else block
    if isinstance(held.get("text"), str):
        return f"[{held.get('uri', kind)}]\n{held['text']}"
    return f"[{', '.join(_facts(kind, held))}: it is no text, and not shown]"


def _facts(kind: str, held: Mapping[str, Any]) -> Iterator[str]:
    yield kind
    for name in ("mimeType", "uri"):
        if isinstance(held.get(name), str):
            yield held[name]
    data = held.get("data") or held.get("blob")
    if isinstance(data, str):
        # In base64.
        yield f"{len(data) * 3 // 4 - data.count('=', -2)} bytes"


def plain(given: str, *, most: int) -> str:
    """Without control characters other than line breaks and tabs."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", " ", untrusted.text(given, most=most)).strip()
