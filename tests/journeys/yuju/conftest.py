"""Clients of the Yuju family."""

import pytest

from tests.journeys.clients.aichat import MODEL, Api, new_id
from tests.journeys.clients.webhooks import call
from tests.journeys.clients.yuju import Yuju
from tests.journeys.service import Service


@pytest.fixture(scope="session")
def yuju(service: Service) -> Yuju:
    return Yuju(service.base_url, service.api_key)


@pytest.fixture
def new_yuju(service: Service) -> Yuju:
    """A client of an account that no other test uses."""
    return Yuju(service.base_url, service.create_key(new_id()))


@pytest.fixture
def asking_api(new_api: Api) -> Api:
    """Of an account whose default assistant asks the vendor."""
    call(new_api, "POST", "assistants", status=201, json={"name": "助手", "model": MODEL, "default": True})
    return new_api
