"""Clients of the siblings of Yuju's chat."""

import pytest

from tests.journeys.clients.aichat import Api
from tests.journeys.clients.yuju import Siblings


@pytest.fixture
def siblings(new_api: Api) -> Siblings:
    """Of the same account as `new_api`."""
    return Siblings(new_api.base_url, new_api.key)


@pytest.fixture
def others(other_api: Api) -> Siblings:
    """Of another account."""
    return Siblings(other_api.base_url, other_api.key)
