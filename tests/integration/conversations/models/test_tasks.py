"""What a task has of its run, whoever made it."""

import pytest
from django.db import connection

from conversations.models import Account, Task
from conversations.queries import tasks
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


def test_a_task_that_the_last_release_makes_is_found_by_its_trace_id(ann: Account) -> None:
    run = builders.runs.start(ann)
    with connection.cursor() as cursor:
        columns = "(account_id, run_id, public_id, is_stored, callback_url)"
        cursor.execute(f"INSERT INTO conversations_task {columns} VALUES (%s, %s, 'old', true, '')", [ann.pk, run.pk])

    found = tasks.find(account_id=ann.pk, trace_id=str(run.trace_id))

    assert found is not None
    assert found.task_id == "old"
    assert Task.objects.get().operation == "chat"
