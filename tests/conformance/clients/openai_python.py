"""Drives whatever `openai` is installed beside it: reads commands and writes results, each a line of JSON.

It runs alone, in another environment's Python, and imports nothing of this project. The results are read from the SDK's
own objects, as a user does; every answer is also checked against the SDK's own types. `openai_node.mjs` does the same.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import openai
from pydantic import BaseModel

Json = dict[str, Any]

HEADERS = ("x-conversation-id", "idempotent-replayed", "openai-version")


class City(BaseModel):
    name: str
    people: int


def main() -> None:
    write({"version": openai.__version__})
    for line in sys.stdin:
        write(outcome(json.loads(line)))


def write(result: Json) -> None:
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


def outcome(command: Json) -> Json:
    """`result` keeps what was received before an error, such as the text of a broken stream."""
    sent: list[str] = []
    result: Json = {}
    try:
        if command["do"].startswith("async_"):
            asyncio.run(do_async(command, result, sent))
        else:
            with sync_client(command, sent) as client:
                VERBS[command["do"]](client, request(command), result)
    except openai.APIError as error:
        result["error"] = describe_error(error)
    return {**result, "http_requests": len(sent)}


def sync_client(command: Json, sent: list[str]) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(event_hooks={"request": [lambda request: sent.append(request.url.path)]})
    return openai.OpenAI(**command["client"], http_client=http)


def request(command: Json) -> Json:
    return {**command["body"], "extra_headers": command["headers"]}


def describe_error(error: openai.APIError) -> Json:
    """`request_id`: only its prefix, which is always the same."""
    return {
        "class": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "code": error.code,
        "type": error.type,
        "param": error.param,
        "request_id": (getattr(error, "request_id", None) or "")[:4],
    }


def chat(client: openai.OpenAI, command: Json, result: Json) -> None:
    raw = client.chat.completions.with_raw_response.create(**command)
    result["headers"] = {name: raw.headers[name] for name in HEADERS if name in raw.headers}
    done = raw.parse()
    result |= describe_completion(done)


def describe_completion(done: Any) -> Json:
    checked(done)
    return {
        "id": done.id,
        "object": done.object,
        "model": done.model,
        "choices": [describe_choice(choice) for choice in done.choices],
        "usage": describe_usage(done.usage),
        "request_id": (done._request_id or "")[:4],
    }


def checked(value: Any) -> None:
    """Check against the SDK's own types, which the SDK itself does not do."""
    type(value).model_validate(value.to_dict(mode="python"), strict=True)


def describe_choice(choice: Any) -> Json:
    message = choice.message
    return {
        "index": choice.index,
        "role": message.role,
        "content": message.content,
        "refusal": message.refusal,
        "tool_calls": [describe_call(call) for call in message.tool_calls or []],
        "finish_reason": choice.finish_reason,
    }


def describe_call(call: Any) -> list[str]:
    return [call.id, call.type, call.function.name, call.function.arguments]


def describe_usage(usage: Any) -> list[int] | None:
    return usage and [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens]


def stream(client: openai.OpenAI, command: Json, result: Json) -> None:
    seen = Stream(result)
    for chunk in client.chat.completions.create(**command, stream=True):
        seen.add(chunk)


class Stream:
    """Adds up the chunks of a stream in `result`."""

    def __init__(self, result: Json) -> None:
        self.result = result
        self.ids: set[str] = set()
        result |= {"texts": {}, "roles": [], "finish_reasons": {}, "calls": {}, "usages": [], "without_choice": 0}

    def add(self, chunk: Any) -> None:
        checked(chunk)
        result = self.result
        self.ids.add(chunk.id)
        result["distinct_ids"] = len(self.ids)
        result["without_choice"] += not chunk.choices
        result["usages"] += [describe_usage(chunk.usage)] if chunk.usage else []
        for choice in chunk.choices:
            self.add_choice(str(choice.index), choice)

    def add_choice(self, index: str, choice: Any) -> None:
        result, delta = self.result, choice.delta
        result["texts"][index] = result["texts"].get(index, "") + (delta.content or "")
        result["roles"] += [[index, delta.role]] if delta.role else []
        if choice.finish_reason:
            result["finish_reasons"][index] = choice.finish_reason
        for call in delta.tool_calls or []:
            known = result["calls"].setdefault(str(call.index), [call.id, call.type, call.function.name, ""])
            known[3] += call.function.arguments or ""


def stream_helper(client: openai.OpenAI, command: Json, result: Json) -> None:
    """The SDK's own way of adding up a stream."""
    with client.chat.completions.stream(**command) as events:
        done = events.get_final_completion()
    result["choices"] = [describe_choice(choice) for choice in done.choices]
    result["usage"] = describe_usage(done.usage)


def parse(client: openai.OpenAI, command: Json, result: Json) -> None:
    done = client.chat.completions.parse(**command, response_format=City)
    result["is_parsed"] = isinstance(done.choices[0].message.parsed, City)
    result["parsed"] = done.choices[0].message.parsed and done.choices[0].message.parsed.model_dump()


def tool_round_trip(client: openai.OpenAI, command: Json, result: Json) -> None:
    """The assistant's message is sent back as the SDK's object."""
    _tool_round_trip(client, command, result, lambda message: message)


def tool_round_trip_dumped(client: openai.OpenAI, command: Json, result: Json) -> None:
    """It is sent back with every null of the SDK's type."""
    _tool_round_trip(client, command, result, lambda message: message.model_dump())


def _tool_round_trip(client: openai.OpenAI, command: Json, result: Json, form: Callable[[Any], Any]) -> None:
    message = client.chat.completions.create(**command).choices[0].message
    calls = message.tool_calls or []
    result["calls"] = [describe_call(call) for call in calls]
    results = [{"role": "tool", "tool_call_id": call.id, "content": f"result {call.id}"} for call in calls]
    again = {**command, "messages": [*command["messages"], form(message), *results]}
    result["content"] = client.chat.completions.create(**again).choices[0].message.content


def completions(client: openai.OpenAI, command: Json, result: Json) -> None:
    done = client.completions.create(**command)
    checked(done)
    result["texts"] = [[choice.index, choice.text, choice.finish_reason] for choice in done.choices]
    result["usage"] = describe_usage(done.usage)


def completions_stream(client: openai.OpenAI, command: Json, result: Json) -> None:
    result |= {"text": "", "usages": []}
    for chunk in client.completions.create(**command, stream=True):
        result["text"] += "".join(choice.text for choice in chunk.choices)
        result["usages"] += [describe_usage(chunk.usage)] if chunk.usage else []


def embeddings(client: openai.OpenAI, command: Json, result: Json) -> None:
    made = client.embeddings.create(**command)
    checked(made)
    result["vectors"] = [[item.index, list(item.embedding)] for item in made.data]
    result["usage"] = [made.usage.prompt_tokens, made.usage.total_tokens]


def models(client: openai.OpenAI, command: Json, result: Json) -> None:
    found = list(client.models.list(**command))
    for model in found:
        checked(model)
    result["models"] = [[model.id, model.object, model.owned_by] for model in found]


def model(client: openai.OpenAI, command: Json, result: Json) -> None:
    found = client.models.retrieve(**command)
    checked(found)
    result["model"] = [found.id, found.object, found.owned_by]


def image(client: openai.OpenAI, command: Json, result: Json) -> None:
    result["images"] = len(client.images.generate(**command).data or [])


async def do_async(command: Json, result: Json, sent: list[str]) -> None:
    async def count(request: Any) -> None:
        sent.append(request.url.path)

    http = openai.DefaultAsyncHttpxClient(event_hooks={"request": [count]})
    async with openai.AsyncOpenAI(**command["client"], http_client=http) as client:
        await ASYNC_VERBS[command["do"]](client, request(command), result)


async def async_chats(client: openai.AsyncOpenAI, command: Json, result: Json) -> None:
    """Eight at once over one client."""
    done = await asyncio.gather(*(client.chat.completions.create(**command) for _ in range(8)))
    result["contents"] = [one.choices[0].message.content for one in done]


async def async_stream(client: openai.AsyncOpenAI, command: Json, result: Json) -> None:
    seen = Stream(result)
    async for chunk in await client.chat.completions.create(**command, stream=True):
        seen.add(chunk)


VERBS: dict[str, Callable[[openai.OpenAI, Json, Json], None]] = {
    verb.__name__: verb
    for verb in (
        chat, stream, stream_helper, parse, tool_round_trip, tool_round_trip_dumped,
        completions, completions_stream, embeddings, models, model, image,
    )
}  # fmt: skip
ASYNC_VERBS: dict[str, Callable[[openai.AsyncOpenAI, Json, Json], Any]] = {
    verb.__name__: verb for verb in (async_chats, async_stream)
}

if __name__ == "__main__":
    main()
