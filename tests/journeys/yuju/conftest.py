"""Clients of the Yuju family."""

import pytest

from tests.journeys.clients.aichat import new_id
from tests.journeys.clients.yuju import Yuju
from tests.journeys.service import Service


@pytest.fixture(scope="session")
def yuju(service: Service) -> Yuju:
    return Yuju(service.base_url, service.api_key)


@pytest.fixture
def new_yuju(service: Service) -> Yuju:
    """A client of an account that no other test uses."""
    return Yuju(service.base_url, service.create_key(new_id()))
