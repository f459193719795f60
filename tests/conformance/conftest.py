"""One running service with a scripted vendor, asked by every SDK in turn."""

from collections.abc import Iterator

import pytest

from tests.conformance.sdks import KINDS, Kind, Sdk
from tests.journeys.conftest import nothing_stored_or_asked, rows, service, upstream, vendor, whole_web
from tests.journeys.service import Service

__all__ = ["nothing_stored_or_asked", "rows", "service", "upstream", "vendor", "whole_web"]


@pytest.fixture(scope="session", params=KINDS, ids=lambda kind: kind.name)
def sdk(request: pytest.FixtureRequest, service: Service) -> Iterator[Sdk]:
    kind: Kind = request.param
    if not kind.is_here:
        pytest.skip(f"NOT TRIED: {kind.name} is not installed here; make conformance says why")
    with Sdk(kind, base_url=f"{service.base_url}/v1", api_key=service.api_key) as running:
        yield running


@pytest.fixture
def python_sdk(sdk: Sdk) -> Sdk:
    if not sdk.is_python:
        pytest.skip("Only Python's SDK has this")
    return sdk
