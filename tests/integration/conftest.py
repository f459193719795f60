"""What tests on the database share: two accounts, and that a test is over before its tables are emptied."""

from collections.abc import Iterator

import pytest
from django.db import connection

from conversations.models import Account
from tests.builders.factories import AccountFactory
from tests.waiting import eventually

# What other connections to the same database are doing.
_AT_WORK = """
SELECT query FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'
"""


@pytest.fixture(autouse=True)
def finished(request: pytest.FixtureRequest) -> Iterator[None]:
    """A thread that still works when the tables are emptied locks itself and the next tests out."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    eventually(_at_work, lambda queries: queries == [])


def _at_work() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_AT_WORK)
        return [query for (query,) in cursor.fetchall()]


@pytest.fixture
def ann() -> Account:
    return AccountFactory.create(name="ann")


@pytest.fixture
def bob() -> Account:
    return AccountFactory.create(name="bob")
