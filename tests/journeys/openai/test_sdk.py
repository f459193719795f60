"""Journey: the real OpenAI SDK, pointed at this service by its base URL alone."""

import json
from typing import Any

import pytest
from openai import APIError, AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests import openai_types
from tests.fakes.replies import chunk, fails, says, streams, tokens
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, user
from tests.journeys.service import Service

HI: Any = [user("Hi")]
PNG = "data:image/png;base64,iVBORw0KGgo="
TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def test_answers_a_chat(sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(says("Hel", "lo 你", usage=tokens(9, 2)))

    answer = sdk.chat.completions.create(model=MODEL, messages=HI)

    openai_types.completion(answer.model_dump(exclude_unset=True))
    assert (answer.object, answer.model) == ("chat.completion", MODEL)
    assert answer.choices[0].message.content == "Hello 你"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (9, 2, 11)
    assert answer._request_id is not None
    assert answer._request_id.startswith("req_")


@pytest.mark.parametrize("wants_usage", [True, False])
def test_streams_a_chat(sdk: OpenAI, upstream: FakeUpstream, wants_usage: bool) -> None:
    upstream.script(says("Hel", "lo\u2028", " 你\u0085!", usage=tokens(9, 2)))

    chunks = list(
        sdk.chat.completions.create(
            model=MODEL, messages=HI, stream=True, stream_options={"include_usage": wants_usage}
        )
    )

    for found in chunks:
        openai_types.chunk(found.model_dump(exclude_unset=True))
    with_choice = [found for found in chunks if found.choices]
    assert "".join(found.choices[0].delta.content or "" for found in with_choice) == "Hello\u2028 你\u0085!"
    assert [found.choices[0].delta.role for found in with_choice][:2] == ["assistant", None]
    assert with_choice[-1].choices[0].finish_reason == "stop"
    assert [found.usage.total_tokens for found in chunks if found.usage] == ([11] if wants_usage else [])
    assert len(chunks) - len(with_choice) == wants_usage


def test_the_sdks_stream_helper_adds_up_the_whole_answer(sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(says("Hel", "lo", usage=tokens(9, 2)))

    with sdk.chat.completions.stream(model=MODEL, messages=HI, stream_options={"include_usage": True}) as stream:
        answer = stream.get_final_completion()

    assert answer.choices[0].message.content == "Hello"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 11


async def test_the_async_client_works_too(service: Service, upstream: FakeUpstream) -> None:
    upstream.script(says("One"), says("T", "wo"))

    async with AsyncOpenAI(base_url=f"{service.base_url}/v1", api_key=service.api_key) as client:
        answer = await client.chat.completions.create(model=MODEL, messages=HI)
        stream = await client.chat.completions.create(model=MODEL, messages=HI, stream=True)
        text = "".join([found.choices[0].delta.content or "" async for found in stream])

    assert (answer.choices[0].message.content, text) == ("One", "Two")


def call(*, call_id: str, name: str, index: int = 0) -> Any:
    return {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}


def arguments(text: str, index: int = 0) -> Any:
    return {"index": index, "function": {"arguments": text}}


ASKS_FOR_TOOLS = says(
    tool_calls=[
        call(call_id="call_a", name="weather"),
        arguments('{"city":'),
        call(call_id="call_b", name="weather", index=1),
        arguments('"Bern"}'),
        arguments('{"city":"Rome"}', 1),
    ],
    finish="tool_calls",
)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_tools_are_asked_for_and_answered(sdk: OpenAI, upstream: FakeUpstream, is_streamed: bool) -> None:
    upstream.script(ASKS_FOR_TOOLS, says("Sunny and rainy."))

    if is_streamed:
        with sdk.chat.completions.stream(model=MODEL, messages=HI, tools=[TOOL], tool_choice="auto") as stream:
            asked = stream.get_final_completion().choices[0]
    else:
        asked = sdk.chat.completions.create(model=MODEL, messages=HI, tools=[TOOL], tool_choice="auto").choices[0]  # type: ignore[assignment] # parsed or not
    calls = asked.message.tool_calls or []
    results: Any = [
        {"role": "tool", "tool_call_id": found.id, "content": weather}
        for found, weather in zip(calls, ("sun", "rain"), strict=True)
    ]
    said: Any = asked.message.model_dump(exclude_none=True, exclude={"parsed"})
    answer = sdk.chat.completions.create(model=MODEL, messages=[*HI, said, *results], tools=[TOOL])

    first, second = upstream.requests
    assert (first.body["tools"], first.body["tool_choice"]) == ([TOOL], "auto")
    assert (asked.finish_reason, asked.message.content) == ("tool_calls", None)
    assert [(found.id, found.type) for found in calls] == [("call_a", "function"), ("call_b", "function")]
    sent_calls = second.messages[1]["tool_calls"]
    assert [json.loads(found["function"]["arguments"]) for found in sent_calls] == [{"city": "Bern"}, {"city": "Rome"}]
    assert [found["id"] for found in sent_calls] == ["call_a", "call_b"]
    assert second.messages[2:] == results
    assert answer.choices[0].message.content == "Sunny and rainy."


class Weather(BaseModel):
    city: str
    degrees: int


def test_structured_output_is_parsed(sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(says('{"city":"Bern",', '"degrees":21}'))

    answer = sdk.chat.completions.parse(model=MODEL, messages=HI, response_format=Weather)

    assert answer.choices[0].message.parsed == Weather(city="Bern", degrees=21)
    sent = upstream.requests[0].body["response_format"]
    assert sent["type"] == "json_schema"
    assert (sent["json_schema"]["name"], sent["json_schema"]["strict"]) == ("Weather", True)


def test_images_audio_and_files_reach_the_vendor(sdk: OpenAI, upstream: FakeUpstream) -> None:
    content: Any = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "https://a.example/x.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
    ]

    sdk.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])

    assert upstream.requests[0].messages == [{"role": "user", "content": content}]


def test_several_choices_keep_their_numbers(sdk: OpenAI, upstream: FakeUpstream) -> None:
    first, second = chunk({"role": "assistant", "content": "One"}), chunk({"content": "Two"}, choice=1)
    ends = [chunk({}, finish="stop"), chunk({}, finish="length", choice=1)]
    upstream.script(*[streams(first, second, *ends, "[DONE]")] * 2)

    answer = sdk.chat.completions.create(model=MODEL, messages=HI, n=2)
    stream = sdk.chat.completions.create(model=MODEL, messages=HI, n=2, stream=True)

    found = [(choice.index, choice.message.content, choice.finish_reason) for choice in answer.choices]
    assert found == [(0, "One", "stop"), (1, "Two", "length")]
    texts = {0: "", 1: ""}
    for piece in stream:
        for choice in piece.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == {0: "One", 1: "Two"}
    assert [request.body["n"] for request in upstream.requests] == [2, 2]


def test_functions_of_2023_are_called_and_answered(sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(says(tool_calls=[call(call_id="c", name="weather"), arguments("{}")], finish="tool_calls"))

    answer = sdk.chat.completions.create(model=MODEL, messages=HI, functions=[{"name": "weather"}])

    asked = answer.choices[0].message.function_call
    assert asked is not None
    assert (asked.name, asked.arguments, answer.choices[0].finish_reason) == ("weather", "{}", "function_call")
    assert upstream.requests[0].body["tools"] == [{"type": "function", "function": {"name": "weather"}}]
    assert "functions" not in upstream.requests[0].body


def test_reasoning_is_received_and_sent_back(sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(says("4", reasoning=["2 and", " 2"]), says("Yes."))

    message: Any = sdk.chat.completions.create(model="deepseek-r1", messages=HI).choices[0].message
    sdk.chat.completions.create(
        model="deepseek-r1",
        messages=[*HI, message.model_dump(exclude_none=True), user("Sure?")],  # type: ignore[list-item] # a plain dict
    )

    assert (message.content, message.reasoning_content) == ("4", "2 and 2")
    assert upstream.requests[1].messages[1] == {"role": "assistant", "content": "4", "reasoning_content": "2 and 2"}


def test_log_probabilities_reach_the_caller(sdk: OpenAI, upstream: FakeUpstream) -> None:
    token = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}
    piece = chunk({"content": "Hi"})
    piece["choices"][0]["logprobs"] = {"content": [token], "refusal": None}
    upstream.script(streams(piece, chunk({}, finish="stop"), "[DONE]"))

    answer = sdk.chat.completions.create(model=MODEL, messages=HI, logprobs=True, top_logprobs=0)

    openai_types.completion(answer.model_dump(exclude_unset=True))
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert [(found.token, found.logprob) for found in logprobs.content] == [("Hi", -0.5)]


def test_the_vendor_is_asked_what_the_caller_sent(sdk: OpenAI, upstream: FakeUpstream) -> None:
    options: Any = {
        "temperature": 0, "top_p": 0.5, "max_completion_tokens": 9, "stop": ["."], "presence_penalty": -1.5,
        "frequency_penalty": 1, "logit_bias": {"50256": -100}, "user": "ann", "seed": 7, "reasoning_effort": "low",
        "parallel_tool_calls": False, "tools": [TOOL], "service_tier": "flex", "safety_identifier": "s",
        "prompt_cache_key": "k",
    }  # fmt: skip

    sdk.chat.completions.create(
        model=MODEL, messages=HI, metadata={"topic": "tea"}, store=False, extra_body={"unknown": 1}, **options
    )

    body = upstream.requests[0].body
    assert body == {
        "model": MODEL, "messages": HI, **options, "stream": True, "stream_options": {"include_usage": True}
    }  # fmt: skip


def test_a_failure_in_the_middle_of_a_stream_is_raised(sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(says("Hel", "lo").cut_after(2))
    text = ""

    with pytest.raises(APIError, match="The model failed to answer") as caught:  # noqa: PT012 — the text comes first
        for found in sdk.chat.completions.create(model=MODEL, messages=HI, stream=True):
            text += found.choices[0].delta.content or ""

    assert text == "Hel"
    assert caught.value.code == "server_error"


def test_models_are_listed_and_found(sdk: OpenAI) -> None:
    listed = {model.id: model for model in sdk.models.list()}

    assert (listed["gpt-4o"].owned_by, listed["deepseek-v3"].owned_by, listed["echo"].owned_by) == (
        "openai",
        "deepseek",
        "echo",
    )
    assert "text-embedding-3-small" in listed
    assert "grok-3" not in listed
    assert sdk.models.retrieve("gpt-4o") == listed["gpt-4o"]


def test_a_failing_vendor_is_retried_only_by_the_service(sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(fails(500, headers={"Retry-After": "0"}), says("Here."))

    assert sdk.chat.completions.create(model=MODEL, messages=HI).choices[0].message.content == "Here."
    assert len(upstream.requests) == 2
