from typing import Any

import orjson
import pytest

from providers.catalog import Target
from providers.messages import BareText, EmbeddingRequest
from providers.protocols.openai.embeddings import request as wire_request

TARGET = Target("openai", "OpenAI", "openai", "http://h/v1", "vendor-name")


@pytest.mark.parametrize(
    ("inputs", "wire"), [(("a",), "a"), (("a", "b"), ["a", "b"]), (((1, 2),), [1, 2]), (((1,), (2,)), [[1], [2]])]
)
def test_writes_every_kind_of_input(inputs: tuple[BareText, ...], wire: Any) -> None:
    body = orjson.loads(wire_request.dump(EmbeddingRequest("public-name", inputs), TARGET))

    assert body == {"model": "vendor-name", "input": wire, "encoding_format": "base64"}


def test_asks_for_base64_whatever_the_caller_reads() -> None:
    options = {"encoding_format": "float", "dimensions": 8, "user": "u"}

    body = wire_request.body(EmbeddingRequest("m", ("a",), options), TARGET)

    assert body == {
        "model": "vendor-name",
        "input": "a",
        "encoding_format": "base64",
        "dimensions": 8,
        "user": "u",
    }


def test_no_option_replaces_the_model_or_the_input() -> None:
    body = wire_request.body(EmbeddingRequest("m", ("a",), {"model": "x", "input": "b"}), TARGET)

    assert body == {"model": "vendor-name", "input": "a", "encoding_format": "base64"}
