"""One gated service for all faults that it survives."""

from collections.abc import Iterator

import pytest

from tests.faults.harness import environment as stages
from tests.faults.harness.environment import GatedStage


@pytest.fixture(scope="session")
def gated_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatedStage]:
    with stages.gated(tmp_path_factory.mktemp("faults")) as stage:
        yield stage


@pytest.fixture
def stage(gated_stage: GatedStage) -> GatedStage:
    """It, with every role alive and nothing asked or planned yet."""
    gated_stage.begin_anew()
    return gated_stage
