"""The fake upstream's answers when nothing is scripted. They show what it was asked.

Chat: "3 messages; the last user message: <text>". Completions: "… <prompt>" for each prompt, `n` times. Both come in
chunks of eight characters, with usage when requested, streamed or not as requested. Embeddings: the vector of the
n-th input is [n, its length, 0.5], as base64 or numbers as the body says.
"""

import struct
from base64 import b64encode
from typing import Any

from tests.fakes.replies import (
    Json,
    Reply,
    answers,
    completion,
    embeddings,
    says,
    streams,
    text_chunk,
    text_completion,
    tokens,
)

CHUNK_CHARACTERS = 8


def default_reply(body: Json) -> Reply:
    if "input" in body:
        return _embeds(body)
    return _continues(body) if "prompt" in body else _says(body)


def _says(body: Json) -> Reply:
    messages = body.get("messages", [])
    text = f"{len(messages)} messages; the last user message: {last_text(body)}"
    usage = tokens(10 * len(messages), len(text))
    if not body.get("stream"):
        return answers(completion(text, model=body.get("model", ""), usage=usage))
    return says(*_pieces(text), model=body.get("model", ""), usage=usage if _wants_usage(body) else None)


def _continues(body: Json) -> Reply:
    prompts = _text_inputs(body["prompt"])
    texts = [f"… {prompt}" for prompt in prompts for _ in range(body.get("n") or 1)]
    usage = tokens(sum(map(len, prompts)), sum(map(len, texts)))
    if not body.get("stream"):
        return answers(text_completion(*texts, model=body["model"], usage=usage))
    chunks = [text_chunk(piece, choice=place) for place, text in enumerate(texts) for piece in _pieces(text)]
    ends = [text_chunk("", finish="stop", choice=place) for place in range(len(texts))]
    last = [{**text_chunk(""), "choices": [], "usage": usage}] if _wants_usage(body) else []
    return streams(*chunks, *ends, *last, "[DONE]")


def _embeds(body: Json) -> Reply:
    inputs = _text_inputs(body["input"])
    vectors: list[Any] = [[float(place), float(len(text)), 0.5] for place, text in enumerate(inputs)]
    if body.get("encoding_format") == "base64":
        vectors = [packed(vector) for vector in vectors]
    return answers(embeddings(*vectors, model=body["model"], prompt_tokens=sum(map(len, inputs))))


def packed(vector: list[float]) -> str:
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def last_text(body: Json) -> str:
    """The text of the last user message, or the last prompt or input."""
    if "messages" not in body:
        return (_text_inputs(body.get("prompt", body.get("input", ""))) or [""])[-1]
    contents = [message.get("content") for message in body["messages"] if message.get("role") == "user"]
    content = contents[-1] if contents else ""
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def _text_inputs(given: Any) -> list[str]:
    """Tokens are shown as their numbers."""
    items = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in items]


def _pieces(text: str) -> list[str]:
    return [text[start : start + CHUNK_CHARACTERS] for start in range(0, len(text), CHUNK_CHARACTERS)]


def _wants_usage(body: Json) -> Any:
    return (body.get("stream_options") or {}).get("include_usage")
