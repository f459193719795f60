"""Nothing keeps a row that is old enough: usage counts as counted, whatever ends."""

import pytest

from tests import builders


@pytest.fixture(autouse=True)
def usage_is_counted(db: None) -> None:
    builders.usage.note_counted()
