"""Conformance: models, embeddings and the older completions, as each SDK returns them."""

from typing import Any

import pytest
import requests

from tests.conformance.sdks import Sdk
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL
from tests.journeys.service import Service

pytestmark = pytest.mark.conformance

EMBEDDING_MODEL = "text-embedding-3-small"
VECTORS = [[0, [0.0, 1.0, 0.5]], [1, [1.0, 2.0, 0.5]]]


def test_lists_the_models(sdk: Sdk, service: Service) -> None:
    """Those that plain HTTP shows too."""
    shown = requests.get(
        f"{service.base_url}/v1/models", headers={"Authorization": f"Bearer {service.api_key}"}, timeout=10
    ).json()

    result = sdk.ask("models")

    assert result == {
        "models": [[model["id"], "model", model["owned_by"]] for model in shown["data"]],
        "http_requests": 1,
    }
    assert [MODEL, "model", "openai"] in result["models"]


def test_shows_one_model(sdk: Sdk) -> None:
    assert sdk.ask("model", model=MODEL) == {"model": [MODEL, "model", "openai"], "http_requests": 1}


@pytest.mark.parametrize("options", [{}, {"encoding_format": "float"}], ids=["default", "float"])
def test_makes_embeddings(sdk: Sdk, upstream: FakeUpstream, options: Any) -> None:
    """By default SDKs ask for base64 and decode it."""
    result = sdk.ask("embeddings", model=EMBEDDING_MODEL, input=["a", "bc"], **options)

    assert result == {"vectors": VECTORS, "usage": [3, 3], "http_requests": 1}


def test_completes_a_text(sdk: Sdk, upstream: FakeUpstream) -> None:
    result = sdk.ask("completions", model=MODEL, prompt="Once", n=2)

    assert result == {"texts": [[0, "… Once", "stop"], [1, "… Once", "stop"]], "usage": [4, 12, 16], "http_requests": 1}


def test_streams_the_completion_of_a_text(sdk: Sdk, upstream: FakeUpstream) -> None:
    result = sdk.ask(
        "completions_stream",
        model=MODEL,
        prompt="Once upon a time",
        stream_options={"include_usage": True},
    )

    assert result == {"text": "… Once upon a time", "usages": [[16, 18, 34]], "http_requests": 1}
