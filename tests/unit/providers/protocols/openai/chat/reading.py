"""Gives a reader the payloads of an answer."""

import json
from typing import Any

from providers.events import (
    CallStarted,
    StreamEvent,
)
from providers.protocols.openai.chat.response import ChatReader
from tests.fakes.replies import chunk


def reader(vendor: str = "v") -> ChatReader:
    return ChatReader(vendor=vendor, display_name="V", secret="sk-secret", request_id="req")


def read(*payloads: Any) -> list[StreamEvent]:
    """All events but CallStarted."""
    return read_bytes(*(json.dumps(payload).encode() for payload in payloads))


def read_bytes(*payloads: bytes) -> list[StreamEvent]:
    found = reader()
    events = [event for payload in payloads for event in found.read(payload)]
    return [event for event in events if not isinstance(event, CallStarted)]


def delta(**fields: Any) -> dict[str, Any]:
    return chunk(fields)
