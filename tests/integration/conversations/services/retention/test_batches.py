"""One batch: short, past what cannot go, and never waiting for a row that is in use."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries

from conversations.models import RunAttempt
from conversations.services.retention import batches
from conversations.services.retention.kinds import Kind, kinds
from conversations.workers import retention
from tests import plans
from tests.builders.factories import RunAttemptFactory, RunFactory
from tests.fakes import refused_rows

OLD = timedelta(days=366)


def kind(name: str) -> Kind:
    return next(one for one in kinds() if one.name == name)


@pytest.fixture
def attempts(db: None) -> list[int]:
    """Seven of one run, of which the first five are old enough."""
    run = RunFactory.create(is_completed=True)
    ages = [OLD] * 5 + [timedelta()] * 2
    made = [RunAttemptFactory.create(run=run, number=number, ended_at=Now() - age) for number, age in enumerate(ages)]
    return [attempt.pk for attempt in made]


def left() -> list[int]:
    return list(RunAttempt.objects.order_by("pk").values_list("pk", flat=True))


def test_a_batch_says_where_the_next_goes_on(attempts: list[int]) -> None:
    first = batches.delete_next(kind("attempts"), most=2)
    second = batches.delete_next(kind("attempts"), after=first.last, most=2)
    third = batches.delete_next(kind("attempts"), after=second.last, most=2)

    assert [batch.deleted for batch in (first, second, third)] == [2, 2, 1]
    assert [batch.last for batch in (first, second, third)] == [attempts[1], attempts[3], None]
    assert left() == attempts[5:]


def test_where_the_oldest_is_young_nothing_else_is_asked(
    attempts: list[int], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    RunAttempt.objects.update(ended_at=Now())

    with django_assert_num_queries(1):
        assert batches.delete_next(kind("attempts")) == batches.Batch(0, None)

    assert left() == attempts


def test_a_round_deletes_all_that_is_old_enough(attempts: list[int]) -> None:
    assert retention.delete_old(seconds=60)

    assert left() == attempts[5:]


def test_a_round_that_has_no_time_left_says_that_it_is_not_done(attempts: list[int]) -> None:
    assert not retention.delete_old(seconds=0)

    assert left() == attempts


@pytest.mark.django_db(transaction=True)
def test_a_row_that_is_in_use_is_left_and_not_waited_for() -> None:
    run = RunFactory.create(is_completed=True)
    held, free = [RunAttemptFactory.create(run=run, number=number) for number in (1, 2)]
    RunAttempt.objects.update(ended_at=F("ended_at") - OLD)

    with locking(held):
        assert batches.delete_next(kind("attempts")).deleted == 1
        assert left() == [held.pk]
    assert batches.delete_next(kind("attempts")).deleted == 1
    assert free.pk not in left()


def test_one_that_is_refused_keeps_no_other_and_costs_a_few_transactions(db: None) -> None:
    run = RunFactory.create(is_completed=True)
    made = [RunAttemptFactory.create(run=run, number=number, ended_at=Now() - OLD) for number in range(64)]

    with refused_rows.refusing(execute, "runattempt", "DELETE", when=f"OLD.id = {made[20].pk}"):
        queries = plans.queries_of(lambda: batches.delete_next(kind("attempts")))

    assert left() == [made[20].pk]
    # All, then a half, a quarter and so on of those with the refused one among them, and as often the other half.
    assert len([sql for sql in queries if sql.startswith("DELETE")]) == 13


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@contextmanager
def locking(attempt: RunAttempt) -> Iterator[None]:
    with psycopg.connect(**{**connection.get_connection_params(), "autocommit": False}) as other:
        other.execute("SELECT FROM conversations_runattempt WHERE id = %s FOR UPDATE", [attempt.pk])
        yield
