"""Journey: an answer that the balance, or X-Max-Cost, cuts short: what each family's reader gets of it."""

import json
from collections.abc import Callable

import openai
import pytest
from openai import OpenAI

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Reply, says, tokens
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, NDJSON, SSE, Api, new_id, refusal
from tests.journeys.clients.runs import retrieve
from tests.journeys.clients.streams import attach
from tests.journeys.clients.tasks import secret, verified
from tests.journeys.service import Service

# Of 0.6 dollars a million tokens, as MODEL costs, it pays for some eight hundred.
LITTLE = "0.0005"
WHOLE = "word " * 8000
USED_UP = "The account's balance does not suffice for this."

Poor = Callable[[], Api]


@pytest.fixture
def poor(service: Service) -> Poor:
    """A client of a new account with little money."""

    def make() -> Api:
        options = ("--account", new_id(), "--balance", LITTLE)
        return Api(service.base_url, service.manage("create_key", *options).strip())

    return make


def long_answer() -> Reply:
    """Its vendor goes on for longer than was paid for."""
    return says(*["word " * 100] * 80)


def only_thoughts() -> Reply:
    """Its vendor stops where it was told to, without having said a word."""
    return says(finish="length", usage=tokens(8, 800))


def sdk(api: Api) -> OpenAI:
    return OpenAI(base_url=f"{api.base_url}/v1", api_key=api.key)


def is_cut(text: str) -> bool:
    return 0 < len(text) < len(WHOLE) and WHOLE.startswith(text)


def ended(api: Api, run_id: str) -> tuple[str, str | None]:
    run = retrieve(api, run_id)
    return run["status"], run["incomplete_reason"]


def test_openais_sdk_reads_a_stream_to_a_normal_end(poor: Poor, upstream: FakeUpstream) -> None:
    api = poor()
    upstream.script(long_answer())

    with sdk(api) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Hi"}],
            stream=True,
            stream_options={"include_usage": True},
            store=True,
        )
        *chunks, last = raw.parse()

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert is_cut(text)
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["length"]
    assert last.usage is not None
    assert 0 < last.usage.completion_tokens < 1600
    run_id = raw.headers["x-run-id"]
    assert ended(api, run_id) == ("incomplete", "balance")
    assert len(upstream.requests) == 1
    with attach(api, run_id) as resumed:
        lines = [line for line in resumed.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"
    again = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert "".join(one["choices"][0]["delta"].get("content") or "" for one in again if one["choices"]) == text


def test_openais_sdk_gets_the_text_so_far(poor: Poor, upstream: FakeUpstream) -> None:
    api = poor()
    upstream.script(long_answer())

    with sdk(api) as client:
        answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])

    assert is_cut(answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "length"


def test_a_callers_own_limit_cuts_in_the_same_way(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(long_answer())

    with sdk(api) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=MODEL, messages=[{"role": "user", "content": "Hi"}], extra_headers={"X-Max-Cost": "0.0005"}
        )
        answer = raw.parse()

    assert is_cut(answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "length"
    assert ended(api, raw.headers["x-run-id"]) == ("incomplete", "max_cost")


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
def test_aichat_gets_the_text_so_far_as_a_normal_end(poor: Poor, upstream: FakeUpstream, accept: str) -> None:
    api = poor()
    upstream.script(long_answer())

    answer = api.ask("Hi", accept=accept)

    assert answer.status_code == 200
    if accept == SSE:
        *events, done = [line for line in answer.text.splitlines() if line.startswith("data: ")]
        assert done == "data: [DONE]"
        found = [json.loads(event.removeprefix("data: ")) for event in events]
        assert is_cut("".join(event["delta_answer"] for event in found))
    else:
        found = [json.loads(line) for line in answer.text.splitlines()]
        assert is_cut(found[-1]["answer"])
    assert not any("error" in event for event in found)
    assert ended(api, answer.headers["x-run-id"]) == ("incomplete", "balance")


def test_a_task_has_succeeded_with_the_text_so_far(poor: Poor, upstream: FakeUpstream, receiver: Receiver) -> None:
    api = poor()
    upstream.script(long_answer())

    api.answer("Hi", callback_url=receiver.url)
    (posted,) = receiver.wait(1)

    callback = verified(posted, secret(api))
    assert (callback["status"], callback["success"], callback["error"]) == ("succeeded", True, None)
    assert is_cut(callback["answer"])


def test_without_a_word_the_refusal_is_the_answer(poor: Poor, upstream: FakeUpstream) -> None:
    """The thoughts are paid for: whoever asked for free could ask again and again."""
    api = poor()
    upstream.script(only_thoughts())

    refused = api.ask("Hi")

    assert refusal(refused) == (403, "used_up", USED_UP)
    assert ended(api, refused.headers["x-run-id"]) == ("incomplete", "balance")
    assert refusal(api.ask("Hi")) == (403, "used_up", USED_UP)
    assert len(upstream.requests) == 1


def test_openais_sdk_reads_a_stream_without_a_word_as_too_long_a_thought(poor: Poor, upstream: FakeUpstream) -> None:
    """As OpenAI's own models end that thought for longer than they may: an empty answer, and `length`."""
    api = poor()
    upstream.script(only_thoughts())

    with sdk(api) as client:
        chunks = list(
            client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}], stream=True)
        )

    assert [chunk.choices[0].delta.content or "" for chunk in chunks] == [""] * len(chunks)
    assert chunks[-1].choices[0].finish_reason == "length"


def test_openais_sdk_does_not_repeat_it(poor: Poor, upstream: FakeUpstream) -> None:
    api = poor()
    upstream.script(only_thoughts())

    with sdk(api) as client, pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])

    assert refused.value.code == "insufficient_quota"
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert len(upstream.requests) == 1
