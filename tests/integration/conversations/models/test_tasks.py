"""What a task has of its run, whoever made it."""

import pytest

from conversations.models import Account, Task
from conversations.values.requests import NewTask
from tests import builders
from tests.builders.factories import AccountFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> Account:
    return AccountFactory.create(name="ann")


def test_a_task_has_the_trace_id_and_the_operation_of_its_run(ann: Account) -> None:
    run = builders.runs.start(ann, task=NewTask())

    assert list(Task.objects.values_list("trace_id", "operation")) == [(run.trace_id, "chat")]
