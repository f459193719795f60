import json
import struct
from base64 import b64encode
from typing import Any

import pytest

from providers import vectors
from providers.errors import UpstreamCut, UpstreamGarbled, UpstreamRejected
from providers.events import CallStarted, EmbeddingMade, UsageReported
from providers.messages import Usage
from providers.protocols.openai.embeddings.response import EmbeddingReader
from tests.fakes.replies import embeddings

NAN = b64encode(struct.pack("<2f", 1.0, float("nan"))).decode()
A, B = vectors.pack([1.0, -2.0]), vectors.pack([0.5, 0.25])


def reader(inputs: int = 1) -> EmbeddingReader:
    return EmbeddingReader(inputs=inputs, vendor="v", display_name="V", request_id="req")


def refused(body: Any, *, inputs: int = 1) -> str:
    with pytest.raises(UpstreamGarbled) as caught:
        reader(inputs).read_whole(json.dumps(body).encode())
    return caught.value.message


@pytest.mark.parametrize("given", [(A, B), ([1.0, -2.0], [0.5, 0.25]), ([1, -2], B)])
def test_reads_base64_and_numbers_as_the_same_events(given: tuple[Any, Any]) -> None:
    found = reader(2)

    events = found.read_whole(json.dumps(embeddings(*given, prompt_tokens=7)).encode()) + found.finish()

    assert events == [
        CallStarted("req", "fake-model"),
        EmbeddingMade(A, 0),
        EmbeddingMade(B, 1),
        UsageReported(Usage(7, 0)),
    ]


def test_orders_vectors_by_the_vendors_indexes() -> None:
    body = embeddings(A, B)
    body["data"][0]["index"], body["data"][1]["index"] = 1, 0

    assert reader(2).read_whole(json.dumps(body).encode())[1:3] == [EmbeddingMade(A, 1), EmbeddingMade(B, 0)]


def test_numbers_vectors_by_position_where_the_vendor_gives_no_index() -> None:
    body = {"data": [{"embedding": A}, {"embedding": B}]}

    assert reader(2).read_whole(json.dumps(body).encode())[1:] == [EmbeddingMade(A, 0), EmbeddingMade(B, 1)]


@pytest.mark.parametrize("given", [[], [A], [A, B, A]])
def test_refuses_another_number_of_vectors_than_asked(given: list[str]) -> None:
    assert refused(embeddings(*given), inputs=2) == "V did not answer with the 2 vectors asked for."


def test_refuses_two_vectors_for_one_input() -> None:
    body = embeddings(A, B)
    body["data"][1]["index"] = 0

    refused(body, inputs=2)


@pytest.mark.parametrize("index", [-1, 1, 40_000, 2**62])
def test_refuses_a_vector_for_an_input_that_was_not_asked_for(index: int) -> None:
    body = embeddings(A)
    body["data"][0]["index"] = index

    refused(body)


@pytest.mark.parametrize("body", [b'{"data":[{"embedding":[NaN]}]}', b'{"data":[{"embedding":[1,Infinity]}]}'])
def test_refuses_numbers_that_strict_json_forbids(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        reader().read_whole(body)


def test_reads_no_more_vectors_than_it_asked_for() -> None:
    refused({"data": [{"embedding": "?"}] * 100_000})


@pytest.mark.parametrize("given", ["AAA=", "AAAAAAA=", "", "nope!", [], [1, "x"], [1e39], [None], None, 7, {}, NAN])
def test_refuses_what_is_not_a_vector(given: Any) -> None:
    assert refused(embeddings(given)) == "V sent a vector that nobody can read."


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {}}, {"data": [None]}, {"choices": []}, [], 7])
def test_refuses_what_is_not_a_list_of_vectors(body: Any) -> None:
    refused(body)


def test_raises_an_error_object_inside_a_200() -> None:
    with pytest.raises(UpstreamRejected, match="too many inputs"):
        reader().read_whole(b'{"error": {"message": "too many inputs", "type": "invalid_request_error"}}')


def test_refuses_a_stream() -> None:
    with pytest.raises(UpstreamGarbled):
        reader().read(json.dumps(embeddings(A)).encode())


def test_an_answer_that_never_came_is_cut() -> None:
    with pytest.raises(UpstreamCut):
        reader().finish()
