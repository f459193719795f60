"""Answers of `/v1` checked against the published types of the OpenAI SDK.

The SDK itself builds its objects without a check: what does not fit would only be seen by its users.
"""

import json
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.fakes.replies import Json

DATA = "data: "


def completion(body: Any) -> ChatCompletion:
    return ChatCompletion.model_validate(body, strict=True)


def chunk(body: Any) -> ChatCompletionChunk:
    return ChatCompletionChunk.model_validate(body, strict=True)


def payloads(stream: bytes | str) -> list[Json]:
    """What an SSE body's events carry, each checked; the last must be [DONE]."""
    *found, done = _data(stream)
    assert done == "[DONE]"
    chunks = [json.loads(data) for data in found]
    for body in chunks:
        chunk(body)
    return chunks


def failed_payloads(stream: bytes | str) -> tuple[list[Json], Json]:
    """The chunks before an error, and the error, which is the last event."""
    *found, last = (json.loads(data) for data in _data(stream))
    for body in found:
        chunk(body)
    assert last.keys() == {"error"}
    return found, last["error"]


def _data(stream: bytes | str) -> list[str]:
    text = stream if isinstance(stream, str) else stream.decode()
    assert text.endswith("\n\n")
    lines = [line for event in text.removesuffix("\n\n").split("\n\n") for line in event.split("\n")]
    assert all(line.startswith((DATA, "id: ", ": ")) for line in lines), lines
    return [line.removeprefix(DATA) for line in lines if line.startswith(DATA)]


def only_message(body: Json) -> Json:
    (choice,) = body["choices"]
    return dict(choice["message"])


def said(chunks: list[Json], *, choice: int = 0, field: str = "content") -> str:
    """A choice's text, joined from its deltas."""
    return "".join(
        found["delta"].get(field) or "" for body in chunks for found in body["choices"] if found["index"] == choice
    )


def reasons(chunks: list[Json]) -> dict[int, str]:
    """Each choice's one finish_reason."""
    found: dict[int, str] = {}
    for body in chunks:
        for choice in body["choices"]:
            if choice["finish_reason"] is not None:
                assert choice["index"] not in found
                found[choice["index"]] = choice["finish_reason"]
    return found
