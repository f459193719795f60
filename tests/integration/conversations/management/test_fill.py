"""`manage.py fill`. What it writes: `tests/integration/conversations/filled/`."""

import io
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from conversations.models import Account, Conversation, Message, Run
from tests import builders

pytestmark = pytest.mark.django_db
SMALL: dict[str, Any] = {"messages": 60, "accounts": 3, "longest": 10}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_fills_and_says_how_far_it_is_on_lines_of_their_own() -> None:
    out = io.StringIO()

    call_command("fill", account="ann", stdout=out, **SMALL)

    lines = out.getvalue().splitlines()
    written = Message.objects.count()
    assert lines[-2] == f"100 % {written} messages"
    assert lines[-1].startswith(f"{written} messages in ")
    assert 60 <= written < 70
    assert set(Account.objects.values_list("name", flat=True)) == {"ann", "filled 0001", "filled 0002"}


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_writes_over_a_connection_of_its_own() -> None:
    call_command("fill", stdout=io.StringIO(), **SMALL)

    threads = Conversation.objects.exclude(head=None)
    assert 60 <= Message.objects.count() < 70
    assert threads.filter(head__role="assistant").count() == threads.count() > 0


def test_a_terminal_gets_a_bar() -> None:
    out = Terminal()

    call_command("fill", stdout=out, **SMALL)

    *_, last_bar = out.getvalue().split("\n")[0].split("\r")
    assert last_bar.startswith(f"[{'#' * 30}] 100 % ")


def test_a_database_with_runs_is_left_alone(ann: Account) -> None:
    builders.runs.start(ann)

    with pytest.raises(CommandError, match="has runs already"):
        call_command("fill", **SMALL)

    assert [Run.objects.count(), Account.objects.count()] == [1, 1]


def test_it_fills_beside_the_runs_that_are_there_when_told_so_and_also_a_second_time(ann: Account) -> None:
    run = builders.runs.start(ann)

    for _ in range(2):
        call_command("fill", yes=True, account="ann", stdout=io.StringIO(), **SMALL)

    assert Run.objects.get(pk=run.pk).status == "queued"
    assert Account.objects.count() == 3
    ann.refresh_from_db()
    assert ann.conversation_count == Conversation.objects.for_account(ann).count() > 1


@pytest.mark.parametrize(
    ("given", "problem"),
    [({"accounts": 2}, "at least 3 accounts"), ({"messages": 0}, "one message"), ({"account": "a\x00b"}, "name")],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        call_command("fill", **{**SMALL, **given})

    assert not Run.objects.exists()
