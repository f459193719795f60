"""Journey: embeddings by `/v1/embeddings`, with the OpenAI SDK and plain HTTP."""

import struct
from base64 import b64decode
from typing import Any

import pytest
import requests
from openai import APIStatusError, BadRequestError, InternalServerError, NotFoundError, OpenAI
from openai.types import CreateEmbeddingResponse

from tests.fakes.defaults import packed
from tests.fakes.replies import Reply, answers, embeddings, fails
from tests.fakes.upstream import PATIENCE_SECONDS, FakeUpstream
from tests.journeys.clients.aichat import Api
from tests.journeys.clients.disconnecting import post_and_leave
from tests.journeys.rows import Rows
from tests.waiting import eventually

EMBEDDING_MODEL = "text-embedding-3-small"


def post(api: Api, body: Any, *, route: str = "/v1/embeddings", **headers: str) -> requests.Response:
    return requests.post(api.base_url + route, json=body, headers={**api.headers, **headers}, timeout=30)


def test_makes_the_vector_of_a_text(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    """The SDK itself requests base64 and decodes it."""
    made = retrying_sdk.embeddings.create(model=EMBEDDING_MODEL, input="Hello")

    CreateEmbeddingResponse.model_validate(made.to_dict(), strict=True)
    assert [(item.index, item.embedding, item.object) for item in made.data] == [(0, [0.0, 5.0, 0.5], "embedding")]
    assert (made.object, made.model) == ("list", EMBEDDING_MODEL)
    assert (made.usage.prompt_tokens, made.usage.total_tokens) == (5, 5)
    assert upstream.requests[0].body == {"model": EMBEDDING_MODEL, "input": "Hello", "encoding_format": "base64"}


@pytest.mark.parametrize(
    ("given", "vectors"),
    [
        (["a", "bc"], [[0.0, 1.0, 0.5], [1.0, 2.0, 0.5]]),
        ([1, 2, 3], [[0.0, 5.0, 0.5]]),
        ([[1], [2, 3]], [[0.0, 1.0, 0.5], [1.0, 3.0, 0.5]]),
        (["你好"], [[0.0, 2.0, 0.5]]),
    ],
)
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_takes_every_kind_of_input(
    retrying_sdk: OpenAI, upstream: FakeUpstream, given: Any, vectors: list[list[float]], encoding: Any
) -> None:
    made = retrying_sdk.embeddings.create(model=EMBEDDING_MODEL, input=given, encoding_format=encoding)

    found: list[Any] = [item.embedding for item in made.data]
    assert [unpacked(vector) if encoding == "base64" else vector for vector in found] == vectors
    assert upstream.requests[0].body["encoding_format"] == "base64"


def unpacked(data: str) -> list[float]:
    raw = b64decode(data)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def test_passes_options_on(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    retrying_sdk.embeddings.create(model=EMBEDDING_MODEL, input="x", dimensions=3, user="u", extra_body={"surprise": 1})

    assert upstream.requests[0].body == {
        "model": EMBEDDING_MODEL,
        "input": "x",
        "encoding_format": "base64",
        "dimensions": 3,
        "user": "u",
    }


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({}, list),
        ({"encoding_format": "float"}, list),
        ({"encoding_format": None}, list),
        ({"encoding_format": "base64"}, str),
    ],
)
def test_writes_numbers_unless_base64_is_asked_for(
    api: Api, upstream: FakeUpstream, asked: dict[str, Any], kind: type
) -> None:
    body = post(api, {"model": EMBEDDING_MODEL, "input": "x", **asked}).json()

    assert type(body["data"][0]["embedding"]) is kind
    assert body.keys() == {"object", "data", "model", "usage"}


def test_reads_a_vendor_that_knows_only_numbers(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(answers(embeddings([0.25, -1.5])))

    made = retrying_sdk.embeddings.create(model=EMBEDDING_MODEL, input="x")

    assert made.data[0].embedding == [0.25, -1.5]


def test_makes_vectors_without_any_vendor(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    made = retrying_sdk.embeddings.create(model="echo", input=["The cat sat", "the cat sat", "Quarterly revenue"])

    first, alike, other = (item.embedding for item in made.data)
    assert len(first) == 256
    assert first == alike
    assert sum(a * b for a, b in zip(first, other, strict=True)) < 0.5
    assert upstream.requests == []


def test_makes_as_many_vectors_as_a_request_may_have(retrying_sdk: OpenAI, upstream: FakeUpstream) -> None:
    """More than one publication carries: the reader gets it from the log."""
    upstream.script(answers(embeddings(*[packed([0.5] * 384)] * 2048)))

    made = retrying_sdk.embeddings.create(model=EMBEDDING_MODEL, input=["x"] * 2048, encoding_format="base64")

    assert [item.index for item in made.data] == list(range(2048))
    assert {len(item.embedding) for item in made.data} == {384 * 4 * 4 // 3}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": [[]]}, "input"),
        ({"input": ["a", [1]]}, "input"),
        ({"input": {"text": "a"}}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": "a\0"}, "input"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"encoding_format": 1}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "8"}, "dimensions"),
        ({"user": 1}, "user"),
        ({"user": "a\0"}, "user"),
        ({"model": "gpt-4o"}, "model"),
    ],
)
def test_refuses_what_is_out_of_range(
    api: Api, upstream: FakeUpstream, rows: Rows, fields: dict[str, Any], param: str
) -> None:
    before = rows.counts()

    response = post(api, {"model": EMBEDDING_MODEL, "input": "x", **fields})

    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert upstream.requests == []
    assert rows.counts() == before


@pytest.mark.parametrize(
    ("reply", "kind", "status"),
    [
        (fails(400, "bad"), BadRequestError, 400),
        (fails(401), InternalServerError, 500),
        (answers(embeddings()), InternalServerError, 500),
    ],
)
def test_raises_the_sdks_own_errors(
    sdk: OpenAI, upstream: FakeUpstream, reply: Reply, kind: type[APIStatusError], status: int
) -> None:
    upstream.script(reply)

    with pytest.raises(kind) as caught:
        sdk.embeddings.create(model=EMBEDDING_MODEL, input="x")
    with pytest.raises(NotFoundError):
        sdk.embeddings.create(model="nope", input="x")

    assert caught.value.status_code == status


def test_asks_once_under_an_idempotency_key(api: Api, upstream: FakeUpstream, rows: Rows, valkey: Any) -> None:
    """Also when the log is gone and only the row remains."""
    body, key = {"model": EMBEDDING_MODEL, "input": ["a", "b"]}, {"Idempotency-Key": "embedding-1"}

    first = post(api, body, **key)
    valkey.flushall()
    second = post(api, body, **key)

    assert first.status_code == 200
    assert first.content == second.content
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(upstream.requests) == 1


def test_is_erased_once_it_is_read(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    response = post(api, {"model": EMBEDDING_MODEL, "input": "Hello"})

    run = eventually(lambda: rows.run(response), lambda run: run["request"] is None)
    assert (run["answer"], run["usage"]) == (
        None,
        {"prompt_tokens": 5, "completion_tokens": 0, "source": "reported"},
    )


def test_stops_when_its_reader_leaves(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(answers(embeddings([0.5])).silent())

    post_and_leave(api, upstream, {"model": EMBEDDING_MODEL, "input": "x"}, path="/v1/embeddings")

    assert upstream.requests[0].disconnected.wait(PATIENCE_SECONDS)


def test_is_served_at_the_mirrored_path_too(api: Api, upstream: FakeUpstream) -> None:
    response = post(api, {"model": EMBEDDING_MODEL, "input": "x"}, route="/openai/embeddings")

    assert response.json()["data"][0]["embedding"] == [0.0, 1.0, 0.5]
