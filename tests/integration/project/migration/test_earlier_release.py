"""A migration that workers of the release before cannot live with waits until they are gone."""

import pytest
from django.db import connection
from django.db.migrations.migration import Migration
from django.db.models.functions import Now

from conversations.models import Worker
from project.migration import earlier_release
from project.migration.errors import CannotMigrate

pytestmark = pytest.mark.django_db


class Breaking(Migration):
    needs_stop = "runs move to another table"


HARMLESS = Migration("0101_harmless", "conversations")
BREAKING = Breaking("0102_breaking", "conversations")


def test_a_worker_that_lives_keeps_it_from_beginning() -> None:
    Worker.objects.create(name="host:1:abc", queue="runs")
    lines: list[str] = []

    with pytest.raises(CannotMigrate) as refused:
        earlier_release.wait_for_its_end(connection, [HARMLESS, BREAKING], report=lines.append, wait_seconds=0.0)

    assert str(refused.value) == (
        "0102_breaking needs the earlier release to be stopped (runs move to another table), "
        "and its worker host:1:abc still runs: stop it on every host, and try again"
    )
    assert lines == ["0102_breaking needs the earlier release to be stopped; waiting for host:1:abc"]


def test_workers_that_stopped_or_were_lost_do_not() -> None:
    Worker.objects.create(name="stopped", queue="runs", stopped_at=Now())
    lost = Worker.objects.create(name="lost", queue="runs")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE conversations_worker SET heartbeat_at = now() - interval '9 s' WHERE id = %s", [lost.pk])
    lines: list[str] = []

    earlier_release.wait_for_its_end(connection, [BREAKING], report=lines.append, wait_seconds=0.0)

    assert lines == []


def test_a_worker_hinders_no_other_migration() -> None:
    Worker.objects.create(name="host:1:abc", queue="runs")
    lines: list[str] = []

    earlier_release.wait_for_its_end(connection, [HARMLESS], report=lines.append, wait_seconds=0.0)

    assert lines == []
