"""Journey: a vendor's fields about the whole call reach its callers, also when the answer is replayed."""

import json

import pytest
import redis
import requests
from openai import OpenAI

from conversations.relay import codec
from tests.fakes.replies import Json, Reply, answers, completion, fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, Api, new_id
from tests.journeys.clients.openai import Chat, chunks
from tests.journeys.clients.streams import attach, events

FACTS: Json = {"system_fingerprint": "fp_1", "service_tier": "default"}
SAYS = says("Hel", "lo", of_call={**FACTS, "obfuscation": "xyz"})


@pytest.mark.parametrize("reply", [SAYS, answers({**completion("Hello"), **FACTS})], ids=["streamed", "whole"])
def test_the_whole_answer_has_the_fields(sdk: OpenAI, upstream: FakeUpstream, reply: Reply) -> None:
    upstream.script(reply)

    answer = sdk.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])

    assert answer.choices[0].message.content == "Hello"
    assert (answer.system_fingerprint, answer.service_tier) == ("fp_1", "default")
    assert answer.id.removeprefix("chatcmpl-") != "fake"
    assert "obfuscation" not in answer.model_dump()


def test_every_chunk_has_the_fields(chat: Chat, upstream: FakeUpstream) -> None:
    upstream.script(SAYS)

    found = chunks(chat.ask("Hi", stream=True, stream_options={"include_usage": True}))

    assert [{name: chunk.get(name) for name in FACTS} for chunk in found] == [FACTS] * len(found)
    assert len({chunk["id"] for chunk in found}) == 1


def test_no_field_is_made_up_for_a_vendor_that_sends_none(chat: Chat, upstream: FakeUpstream) -> None:
    upstream.script(says("Hello"))

    assert FACTS.keys().isdisjoint(chat.answer("Hi"))


def test_a_repeat_under_a_key_gets_the_same_bytes(chat: Chat, upstream: FakeUpstream, valkey: redis.Redis) -> None:
    """Any field of the vendor, also after the log is gone."""
    token = {"token": "Hello", "logprob": -0.1, "bytes": None, "top_logprobs": []}
    vendor_body: Json = {**completion("Hello"), **FACTS}
    vendor_body["choices"][0]["message"]["annotations"] = [
        {"type": "url_citation", "url_citation": {"url": "u", "title": "t"}}
    ]
    vendor_body["choices"][0]["logprobs"] = {"content": [token], "refusal": None}
    upstream.script(answers(vendor_body))
    headers = {"Idempotency-Key": new_id()}
    first = chat.ask("Hi", headers=headers)
    valkey.delete(codec.log_key(first.headers["X-Run-Id"], 1))

    again = chat.ask("Hi", headers=headers)

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    assert again.json()["system_fingerprint"] == "fp_1"
    assert again.json()["choices"][0]["logprobs"] == vendor_body["choices"][0]["logprobs"]
    assert again.json()["choices"][0]["message"]["annotations"] == vendor_body["choices"][0]["message"]["annotations"]
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_resumed_stream_has_the_fields(
    api: Api, chat: Chat, upstream: FakeUpstream, valkey: redis.Redis, after: int
) -> None:
    upstream.script(SAYS)
    asked = chat.ask("Hi", store=True, stream=True)
    run_id = asked.headers["X-Run-Id"]
    assert chunks(asked)

    kept = payloads_of(attach(api, run_id, starting_after=after, format="sse"))
    valkey.delete(codec.log_key(run_id, 1))
    lost = payloads_of(attach(api, run_id, starting_after=after, format="sse"))

    for chunks_of in (kept, lost):
        assert [{name: chunk.get(name) for name in FACTS} for chunk in chunks_of] == [FACTS] * len(chunks_of)
    assert kept
    assert lost


def payloads_of(response: requests.Response) -> list[Json]:
    said = [event.rpartition("data: ")[2] for event in events(response)]
    return [json.loads(one) for one in said if one != "[DONE]"]


def test_aichat_does_not_send_the_fields(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(SAYS)
    thread = new_id()

    assert api.answer("Hi", id=thread) == {"id": thread, "answer": "Hello"}


def test_a_replayed_refusal_is_complete(api: Api, chat: Chat, upstream: FakeUpstream, valkey: redis.Redis) -> None:
    upstream.script(fails(400, "No such tool.", code="unknown_tool"))
    first = chat.ask("Hi", store=True)
    valkey.delete(codec.log_key(first.headers["X-Run-Id"], 1))

    again = attach(api, first.headers["X-Run-Id"], format="json")

    assert (again.status_code, again.json()) == (400, first.json())
    assert again.json()["error"]["code"] == "unknown_tool"
