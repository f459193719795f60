"""Journey: an operator turns the built-in model off."""

from collections.abc import Iterator

import pytest
from openai import NotFoundError, OpenAI

from tests.journeys.clients.aichat import Api, refusal
from tests.journeys.service import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(data_dir=tmp_path_factory.mktemp("bare") / "var", env={"ECHO": "false"}) as running:
        yield running


def test_the_start_says_that_no_model_is_configured(service: Service) -> None:
    assert "No model is configured: set a vendor's key" in service.log
    assert "curl" not in service.log


def test_the_model_is_unknown_and_not_listed(service: Service) -> None:
    with OpenAI(base_url=f"{service.base_url}/v1", api_key=service.api_key, max_retries=0) as client:
        assert client.models.list().data == []
        with pytest.raises(NotFoundError):
            client.chat.completions.create(model="echo", messages=[{"role": "user", "content": "Hi"}])

    refused = refusal(Api(service.base_url, service.api_key).ask("Hi", model="echo"))
    assert refused[:2] == (400, "bad_request")
    assert refused[2].startswith("The model 'echo' is not known.")
