"""What tests of refused requests share."""

from collections.abc import Iterator

import pytest

from tests.fakes.upstream import FakeUpstream
from tests.journeys.rows import Rows


@pytest.fixture
def nothing_stored_or_asked(upstream: FakeUpstream, rows: Rows) -> Iterator[None]:
    """Checks after the test that it has stored no row and asked the vendor nothing."""
    before = rows.counts()
    yield
    assert upstream.requests == []
    assert rows.counts() == before
