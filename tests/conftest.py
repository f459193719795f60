"""What holds for every test."""

from collections import Counter

import pytest
from hypothesis import settings
from schemathesis.pytest.plugin import SchemathesisFunction

# No example may take longer than 200 ms by default, and then a test depends on what else the machine does.
settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sees to it that every test has an id of its own: of two with the same id pytest-xdist would run only one.

    Schemathesis gives its tests names of their own, but one id for all. Raises UsageError for others like it.
    """
    for item in items:
        if isinstance(item, SchemathesisFunction):
            item._id = item.id.with_params(item.operation_label)
    if doubled := [nodeid for nodeid, times in Counter(item.nodeid for item in items).items() if times > 1]:
        raise pytest.UsageError(f"several tests have the id {doubled[0]}")
