"""Drives whatever `openai` is installed beside it: one JSON line in says what to do, one JSON line out what came of it.

It is run alone, by another environment's Python: it imports nothing of this project. What it tells is read off the
SDK's own objects, as a user would; every answer is also checked against the SDK's own types. `openai_node.mjs` is its
twin.
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
    tell({"version": openai.__version__})
    for line in sys.stdin:
        tell(outcome(json.loads(line)))


def tell(told: Json) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def outcome(asked: Json) -> Json:
    """`told` holds what was seen until an error came, so a broken stream's text is not lost."""
    sent: list[str] = []
    told: Json = {}
    try:
        if asked["do"].startswith("async_"):
            asyncio.run(do_async(asked, told, sent))
        else:
            with sync_client(asked, sent) as client:
                VERBS[asked["do"]](client, request(asked), told)
    except openai.APIError as error:
        told["error"] = told_error(error)
    return {**told, "http_requests": len(sent)}


def sync_client(asked: Json, sent: list[str]) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(event_hooks={"request": [lambda request: sent.append(request.url.path)]})
    return openai.OpenAI(**asked["client"], http_client=http)


def request(asked: Json) -> Json:
    return {**asked["body"], "extra_headers": asked["headers"]}


def told_error(error: openai.APIError) -> Json:
    """`request_id` only as far as it is the same every time."""
    return {
        "class": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "code": error.code,
        "type": error.type,
        "param": error.param,
        "request_id": (getattr(error, "request_id", None) or "")[:4],
    }


def chat(client: openai.OpenAI, asked: Json, told: Json) -> None:
    raw = client.chat.completions.with_raw_response.create(**asked)
    told["headers"] = {name: raw.headers[name] for name in HEADERS if name in raw.headers}
    done = raw.parse()
    told |= told_completion(done)


def told_completion(done: Any) -> Json:
    checked(done)
    return {
        "id": done.id,
        "object": done.object,
        "model": done.model,
        "choices": [told_choice(choice) for choice in done.choices],
        "usage": told_usage(done.usage),
        "request_id": (done._request_id or "")[:4],
    }


def checked(value: Any) -> None:
    """Against the SDK's own types, which it does not check by itself."""
    type(value).model_validate(value.to_dict(mode="python"), strict=True)


def told_choice(choice: Any) -> Json:
    message = choice.message
    return {
        "index": choice.index,
        "role": message.role,
        "content": message.content,
        "refusal": message.refusal,
        "tool_calls": [told_call(call) for call in message.tool_calls or []],
        "finish_reason": choice.finish_reason,
    }


def told_call(call: Any) -> list[str]:
    return [call.id, call.type, call.function.name, call.function.arguments]


def told_usage(usage: Any) -> list[int] | None:
    return usage and [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens]


def stream(client: openai.OpenAI, asked: Json, told: Json) -> None:
    seen = Stream(told)
    for chunk in client.chat.completions.create(**asked, stream=True):
        seen.add(chunk)


class Stream:
    """What the chunks of a stream add up to, kept in `told` as they come."""

    def __init__(self, told: Json) -> None:
        self.told = told
        self.ids: set[str] = set()
        told |= {"texts": {}, "roles": [], "finish_reasons": {}, "calls": {}, "usages": [], "without_choice": 0}

    def add(self, chunk: Any) -> None:
        checked(chunk)
        told = self.told
        self.ids.add(chunk.id)
        told["distinct_ids"] = len(self.ids)
        told["without_choice"] += not chunk.choices
        told["usages"] += [told_usage(chunk.usage)] if chunk.usage else []
        for choice in chunk.choices:
            self.add_choice(str(choice.index), choice)

    def add_choice(self, index: str, choice: Any) -> None:
        told, delta = self.told, choice.delta
        told["texts"][index] = told["texts"].get(index, "") + (delta.content or "")
        told["roles"] += [[index, delta.role]] if delta.role else []
        if choice.finish_reason:
            told["finish_reasons"][index] = choice.finish_reason
        for call in delta.tool_calls or []:
            known = told["calls"].setdefault(str(call.index), [call.id, call.type, call.function.name, ""])
            known[3] += call.function.arguments or ""


def stream_helper(client: openai.OpenAI, asked: Json, told: Json) -> None:
    """The SDK's own way of putting a stream together."""
    with client.chat.completions.stream(**asked) as events:
        done = events.get_final_completion()
    told["choices"] = [told_choice(choice) for choice in done.choices]
    told["usage"] = told_usage(done.usage)


def parse(client: openai.OpenAI, asked: Json, told: Json) -> None:
    done = client.chat.completions.parse(**asked, response_format=City)
    told["is_parsed"] = isinstance(done.choices[0].message.parsed, City)
    told["parsed"] = done.choices[0].message.parsed and done.choices[0].message.parsed.model_dump()


def tool_round_trip(client: openai.OpenAI, asked: Json, told: Json) -> None:
    """The assistant's message goes back as the SDK's object."""
    _tool_round_trip(client, asked, told, lambda message: message)


def tool_round_trip_dumped(client: openai.OpenAI, asked: Json, told: Json) -> None:
    """It goes back with every null that the SDK's type has."""
    _tool_round_trip(client, asked, told, lambda message: message.model_dump())


def _tool_round_trip(client: openai.OpenAI, asked: Json, told: Json, form: Callable[[Any], Any]) -> None:
    message = client.chat.completions.create(**asked).choices[0].message
    calls = message.tool_calls or []
    told["calls"] = [told_call(call) for call in calls]
    results = [{"role": "tool", "tool_call_id": call.id, "content": f"result {call.id}"} for call in calls]
    again = {**asked, "messages": [*asked["messages"], form(message), *results]}
    told["content"] = client.chat.completions.create(**again).choices[0].message.content


def completions(client: openai.OpenAI, asked: Json, told: Json) -> None:
    done = client.completions.create(**asked)
    checked(done)
    told["texts"] = [[choice.index, choice.text, choice.finish_reason] for choice in done.choices]
    told["usage"] = told_usage(done.usage)


def completions_stream(client: openai.OpenAI, asked: Json, told: Json) -> None:
    told |= {"text": "", "usages": []}
    for chunk in client.completions.create(**asked, stream=True):
        told["text"] += "".join(choice.text for choice in chunk.choices)
        told["usages"] += [told_usage(chunk.usage)] if chunk.usage else []


def embeddings(client: openai.OpenAI, asked: Json, told: Json) -> None:
    made = client.embeddings.create(**asked)
    checked(made)
    told["vectors"] = [[item.index, list(item.embedding)] for item in made.data]
    told["usage"] = [made.usage.prompt_tokens, made.usage.total_tokens]


def models(client: openai.OpenAI, asked: Json, told: Json) -> None:
    found = list(client.models.list(**asked))
    for model in found:
        checked(model)
    told["models"] = [[model.id, model.object, model.owned_by] for model in found]


def model(client: openai.OpenAI, asked: Json, told: Json) -> None:
    found = client.models.retrieve(**asked)
    checked(found)
    told["model"] = [found.id, found.object, found.owned_by]


def image(client: openai.OpenAI, asked: Json, told: Json) -> None:
    told["images"] = len(client.images.generate(**asked).data or [])


async def do_async(asked: Json, told: Json, sent: list[str]) -> None:
    async def count(request: Any) -> None:
        sent.append(request.url.path)

    http = openai.DefaultAsyncHttpxClient(event_hooks={"request": [count]})
    async with openai.AsyncOpenAI(**asked["client"], http_client=http) as client:
        await ASYNC_VERBS[asked["do"]](client, request(asked), told)


async def async_chats(client: openai.AsyncOpenAI, asked: Json, told: Json) -> None:
    """Eight at once over one client."""
    done = await asyncio.gather(*(client.chat.completions.create(**asked) for _ in range(8)))
    told["contents"] = [one.choices[0].message.content for one in done]


async def async_stream(client: openai.AsyncOpenAI, asked: Json, told: Json) -> None:
    seen = Stream(told)
    async for chunk in await client.chat.completions.create(**asked, stream=True):
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
