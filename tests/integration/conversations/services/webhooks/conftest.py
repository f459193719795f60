"""Webhooks may be sent to loopback here."""

import pytest


@pytest.fixture(autouse=True)
def _loopback(loopback_receivers: None) -> None:
    pass
