"""Whether an answer is what the OpenAPI document says of it: every member described, and as described."""

from functools import cache
from typing import Any

import jsonschema_rs
import orjson
import requests

from conversations.views.schema import document
from tests.fakes.replies import Json

DONE = "[DONE]"


def check(response: requests.Response, path: str) -> None:
    """Of a POST: the whole JSON, each line of NDJSON, or each event. Raises ValidationError."""
    media_type = response.headers["Content-Type"].partition(";")[0]
    validator = validator_of(path, str(response.status_code), media_type)
    for said in _read(response, media_type):
        validator.validate(said)


def _read(response: requests.Response, media_type: str) -> list[Any]:
    if media_type == "application/json":
        return [response.json()]
    if media_type == "application/x-ndjson":
        return [orjson.loads(line) for line in response.content.split(b"\r\n") if line]
    events = [block.partition("data: ")[2] for block in response.content.decode().split("\n\n") if "data: " in block]
    return [orjson.loads(data) for data in events if data != DONE]


@cache
def validator_of(path: str, status: str, media_type: str) -> jsonschema_rs.Draft202012Validator:
    whole = _closed(orjson.loads(document.PATH.read_bytes()))
    schema = whole["paths"][path]["post"]["responses"][status]["content"][media_type]["schema"]
    if media_type == "text/event-stream":
        schema = schema["properties"]["data"]["anyOf"][1]["contentSchema"]
    return jsonschema_rs.Draft202012Validator({**schema, "components": whole["components"]})


def _closed(node: Any) -> Any:
    """With no member but those that are named, where some are."""
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed: Json = {name: _closed(value) for name, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed
