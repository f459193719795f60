"""Journey: text completions by `/v1/completions`, with the OpenAI SDK and plain HTTP."""

from typing import Any

import orjson
import pytest
import requests
from openai import BadRequestError, NotFoundError, OpenAI, RateLimitError
from openai.types import Completion

from tests.fakes.replies import Reply, answers, fails, streams, text_chunk, text_completion, tokens
from tests.fakes.upstream import PATIENCE_SECONDS, FakeUpstream
from tests.journeys.clients.aichat import MODEL, Api
from tests.journeys.rows import Rows
from tests.waiting import eventually


def post(api: Api, body: Any, *, route: str = "/v1/completions", **headers: str) -> requests.Response:
    return requests.post(api.base_url + route, json=body, headers={**api.headers, **headers}, timeout=30)


def test_continues_a_text(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    answer = retrying_sdk.completions.create(model=MODEL, prompt="Once", max_tokens=5)

    assert Completion.model_validate(answer.to_dict(), strict=True).object == "text_completion"
    assert answer.id.startswith("cmpl-")
    assert (answer.model, answer.created > 1_700_000_000) == (MODEL, True)
    (choice,) = answer.choices
    assert (choice.text, choice.index, choice.finish_reason, choice.logprobs) == ("… Once", 0, "stop", None)
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (4, 6, 10)
    assert upstream.requests[0].body == {
        "model": MODEL,
        "prompt": "Once",
        "max_tokens": 5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_streams_chunks_of_the_same_object(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    stream = retrying_sdk.completions.create(model=MODEL, prompt="Once upon a time", stream=True)

    chunks = list(stream)

    assert "".join(chunk.choices[0].text for chunk in chunks) == "… Once upon a time"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert {(chunk.id, chunk.object, chunk.created, chunk.model) for chunk in chunks} == {
        (chunks[0].id, "text_completion", chunks[0].created, MODEL)
    }
    assert not any("usage" in chunk.to_dict() for chunk in chunks)


def test_sends_usage_last_when_asked(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    stream = retrying_sdk.completions.create(
        model=MODEL, prompt="Once", stream=True, stream_options={"include_usage": True}
    )

    *chunks, last = list(stream)

    assert all(chunk.to_dict()["usage"] is None for chunk in chunks)
    assert (last.choices, last.usage and last.usage.total_tokens) == ([], 10)


def test_writes_exactly_these_bytes(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(streams(text_chunk("你\u2028"), text_chunk("", finish="length"), "[DONE]"))

    response = post(api, {"model": MODEL, "prompt": "x", "stream": True})

    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    lines = [line for line in response.content.split(b"\n") if line and not line.startswith(b"id: ")]
    first, last = (orjson.loads(line.removeprefix(b"data: ")) for line in lines[:2])
    assert b"\\u2028" in lines[0]
    assert first["choices"] == [{"text": "你\u2028", "index": 0, "logprobs": None, "finish_reason": None}]
    assert last["choices"] == [{"text": "", "index": 0, "logprobs": None, "finish_reason": "length"}]
    assert lines[2:] == [b"data: [DONE]"]


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        (["a", "b"], ["… a", "… b"]),
        ([1, 2, 3], ["… 1 2 3"]),
        ([[1, 2], [3]], ["… 1 2", "… 3"]),
        ("", ["… "]),
    ],
)
def test_takes_every_kind_of_prompt(
    retrying_sdk: OpenAI, upstream: FakeUpstream, prompt: Any, texts: list[str]
) -> None:
    answer = retrying_sdk.completions.create(model=MODEL, prompt=prompt)

    assert [choice.text for choice in answer.choices] == texts
    assert [choice.index for choice in answer.choices] == list(range(len(texts)))


def test_gives_as_many_choices_of_every_prompt_as_asked(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    answer = retrying_sdk.completions.create(model=MODEL, prompt=["a", "b"], n=2)

    assert [choice.text for choice in answer.choices] == ["… a", "… a", "… b", "… b"]
    assert len(upstream.requests) == 1


def test_asks_again_for_the_choices_a_vendor_left_out(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(*(streams(text_chunk(text, finish="stop"), "[DONE]") for text in ("a", "b")))

    answer = retrying_sdk.completions.create(model=MODEL, prompt="x", n=2)

    assert [(choice.index, choice.text) for choice in answer.choices] == [(0, "a"), (1, "b")]
    assert [request.body["n"] for request in upstream.requests] == [2, 1]


def test_passes_every_option_on(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    options: dict[str, Any] = {
        "suffix": "!", "echo": True, "logprobs": 2, "stop": ["a", "b"], "logit_bias": {"50256": -100}, "seed": 7,
        "temperature": 0.5, "top_p": 1, "presence_penalty": -2, "frequency_penalty": 2, "user": "u", "max_tokens": 0,
    }  # fmt: skip

    retrying_sdk.completions.create(model=MODEL, prompt="x", extra_body={"surprise": 1}, **options)

    sent = upstream.requests[0].body
    assert {name: sent[name] for name in options} == options
    assert "surprise" not in sent


def test_best_of_is_answered_in_one_piece(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(answers(text_completion("best", usage=tokens(1, 2))))

    stream = retrying_sdk.completions.create(model=MODEL, prompt="x", best_of=3, stream=True)

    assert "".join(chunk.choices[0].text for chunk in stream) == "best"
    assert upstream.requests[0].body == {"model": MODEL, "prompt": "x", "best_of": 3}


def test_gives_logprobs_in_their_older_shape(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    logprobs = {"tokens": ["a"], "token_logprobs": [-0.1], "top_logprobs": [{"a": -0.1}], "text_offset": [0]}
    upstream.script(streams(text_chunk("a", logprobs=logprobs), text_chunk("", finish="stop"), "[DONE]"))

    answer = retrying_sdk.completions.create(model=MODEL, prompt="x", logprobs=1)

    assert answer.choices[0].logprobs is not None
    assert answer.choices[0].logprobs.to_dict() == logprobs


def test_answers_without_any_vendor(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    answer = retrying_sdk.completions.create(model="echo", prompt="Once", n=2)

    assert [choice.text for choice in answer.choices] == ["[echo] Once", "[echo] Once"]
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": {}}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": ["a", [1]]}, "prompt"),
        ({"prompt": [[]]}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": [True]}, "prompt"),
        ({"prompt": [1.5]}, "prompt"),
        ({"prompt": "a\0"}, "prompt"),
        ({"prompt": ["a"] * 2049}, "prompt"),
        ({"prompt": ["a"] * 20, "n": 128}, "n"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"best_of": 0}, "best_of"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"logprobs": 6}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"echo": "yes"}, "echo"),
        ({"suffix": 1}, "suffix"),
        ({"suffix": "a\0"}, "suffix"),
        ({"temperature": 2.1}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stream": "true"}, "stream"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"model": "text-embedding-3-small"}, "model"),
    ],
)
def test_refuses_what_is_out_of_range(
    api: Api, upstream: FakeUpstream, rows: Rows, fields: dict[str, Any], param: str
) -> None:
    before = rows.counts()

    response = post(api, {"model": MODEL, "prompt": "x", **fields})

    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert upstream.requests == []
    assert rows.counts() == before


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(fails(400, "bad"), BadRequestError), (fails(429, headers={"Retry-After": "60"}), RateLimitError)],
)
def test_raises_the_sdks_own_errors(sdk: OpenAI, upstream: FakeUpstream, reply: Reply, kind: type) -> None:
    upstream.script(reply)

    with pytest.raises(kind):
        sdk.completions.create(model=MODEL, prompt="x")
    with pytest.raises(NotFoundError):
        sdk.completions.create(model="nope", prompt="x")


def test_asks_once_under_an_idempotency_key(api: Api, upstream: FakeUpstream) -> None:
    body = {"model": MODEL, "prompt": "Once"}

    first, second = (post(api, body, **{"Idempotency-Key": "completion-1"}) for _ in range(2))

    assert first.content == second.content
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(upstream.requests) == 1


def test_is_erased_once_it_is_read(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    before = rows.counts()

    response = post(api, {"model": MODEL, "prompt": "Once"})

    run = eventually(lambda: rows.run(response), lambda run: run["request"] is None)
    assert (run["answer"], run["conversation_id"], run["usage"]["completion_tokens"]) == (None, None, 6)
    assert {**rows.counts(), "run": 0, "runattempt": 0} == {**before, "run": 0, "runattempt": 0}


def test_stops_when_its_reader_leaves(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(streams(text_chunk("a"), text_chunk("b"), "[DONE]").stalled_after(1))
    response = requests.post(
        f"{api.base_url}/v1/completions",
        json={"model": MODEL, "prompt": "x", "stream": True},
        headers=api.headers,
        stream=True,
        timeout=30,
    )
    assert next(response.iter_content(None))

    response.close()

    assert upstream.requests[0].disconnected.wait(PATIENCE_SECONDS)


def test_is_served_at_the_mirrored_path_too(api: Api, upstream: FakeUpstream) -> None:
    response = post(api, {"model": MODEL, "prompt": "Once"}, route="/openai/completions")

    assert response.json()["choices"][0]["text"] == "… Once"
