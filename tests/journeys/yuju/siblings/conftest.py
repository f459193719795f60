"""Clients of the siblings of Yuju's chat."""

import pytest

from tests.journeys.clients.aichat import Api
from tests.journeys.clients.yuju import Yuju


@pytest.fixture
def siblings(new_api: Api) -> Yuju:
    """Of the same account as `new_api`."""
    return Yuju(new_api.base_url, new_api.key)


@pytest.fixture
def others(other_api: Api) -> Yuju:
    """Of another account."""
    return Yuju(other_api.base_url, other_api.key)
