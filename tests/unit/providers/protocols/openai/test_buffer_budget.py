"""What a reader buffers without publishing it has a limit."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from providers.errors import UpstreamGarbled
from providers.protocols.openai.buffer_budget import MAX_BUFFERED_BYTES
from providers.protocols.openai.chat.response import ChatReader

LONG = "x" * 100_000
ENOUGH = MAX_BUFFERED_BYTES // len(LONG) + 1
LOGPROBS = {"content": [{"token": LONG, "logprob": 0.0}]}


def payload(delta: dict[str, Any], choice: int = 0, **more: Any) -> bytes:
    return json.dumps({"choices": [{"index": choice, "delta": delta, **more}]}).encode()


def called(**fields: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, "function": {}, **fields}]}


def read(reader: ChatReader, payloads: Iterable[bytes]) -> None:
    for found in payloads:
        reader.read(found)


@pytest.mark.parametrize(
    "endless",
    [
        lambda place: payload({"content": "x", "pictures": [LONG]}),
        lambda place: payload({"content": "x", f"own_{place}": LONG}),
        lambda place: payload({"content": "x", "pictures": [LONG]}, choice=place % 7),
        lambda place: payload({"content": ""}, logprobs=LOGPROBS),
        lambda place: payload(called(function={"arguments": LONG})),
        lambda place: payload(called(id="call_1", **{f"own_{place}": LONG})),
        lambda place: payload({"tool_calls": [{"index": f"{place}{LONG}", "id": "x", "function": {"name": "f"}}]}),
    ],
)
def test_limits_what_is_buffered_of_a_choice(endless: Any) -> None:
    reader = ChatReader(vendor="v", display_name="V")

    with pytest.raises(UpstreamGarbled, match="holds too much"):
        read(reader, map(endless, range(ENOUGH)))


def test_limits_the_buffered_ids_of_a_tool_call() -> None:
    reader = ChatReader(vendor="v", display_name="V")
    long, function = "x" * 15_000, {"name": "f", "arguments": "{"}
    ids = (f"{place}{long}" for place in range(MAX_BUFFERED_BYTES // len(long) + 1))

    with pytest.raises(UpstreamGarbled, match="holds too much"):
        read(reader, (payload(called(id=call_id, function=function)) for call_id in ids))


@pytest.mark.parametrize(
    "told",
    [
        payload({"content": LONG}),
        payload({"content": "x"}, logprobs=LOGPROBS),
        payload({"content": "x", "own": LONG}),
        payload(called(id="call_1", function={"name": "f", "arguments": LONG})),
    ],
)
def test_does_not_count_what_is_published_or_replaced(told: bytes) -> None:
    reader = ChatReader(vendor="v", display_name="V")

    read(reader, [told] * ENOUGH)
