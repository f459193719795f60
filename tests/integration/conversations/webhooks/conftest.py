"""Receivers are on loopback here, which the guard lets nobody reach unless it is told to."""

import pytest
from pytest_django import Settings

from conversations.outbound import addresses


@pytest.fixture(autouse=True)
def _loopback(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = addresses.ranges(["127.0.0.0/8"])
