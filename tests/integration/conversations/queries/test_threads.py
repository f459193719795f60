"""A conversation's messages as a tree. The number of queries does not grow with their number."""

from typing import Any

import pytest

from conversations.models import Account
from conversations.queries.conversations import threads
from conversations.queries.conversations.threads import NEWEST, Thread
from conversations.rules.conversations.resent_history import Continuation, recognise
from providers.messages import Message, Role, TextPart
from tests import builders
from tests.builders.factories import AccountFactory

pytestmark = pytest.mark.django_db


def said(thread: Thread) -> list[tuple[Role, str]]:
    return [(item.message.role, item.message.text) for item in thread.messages]


def test_reads_every_message_with_its_place(ann: Account, django_assert_num_queries: Any) -> None:
    for number in ("1", "2", "3"):
        builders.runs.answered(ann, number, f"Answer {number}")

    with django_assert_num_queries(2):
        thread = threads.read(account_id=ann.pk, conversation_id="thread")

    assert said(thread)[:2] == [(Role.USER, "1"), (Role.ASSISTANT, "Answer 1")]
    assert len(thread.messages) == 6
    assert thread.messages[0].message == Message(Role.USER, (TextPart("1"),))
    assert [item.parent for item in thread.messages] == [None, *(item.pk for item in thread.messages[:-1])]
    assert thread.head == thread.messages[-1].pk


def test_another_accounts_conversation_is_empty(ann: Account) -> None:
    builders.runs.answered(ann, "1")

    assert threads.read(account_id=AccountFactory.create(name="bob").pk, conversation_id="thread") == Thread()


@pytest.fixture
def long(ann: Account) -> Thread:
    """A conversation of 50 turns with a question and an answer each. Only its newest messages are read."""
    for number in range(50):
        builders.runs.answered(ann, f"{number}", f"Answer {number}")
    return threads.read(account_id=ann.pk, conversation_id="thread")


def test_reads_the_older_messages_of_a_long_conversation_apart(long: Thread) -> None:
    whole = threads.with_older(long)

    assert (len(long.messages), long.is_whole) == (NEWEST, False)
    assert said(long)[-1] == (Role.ASSISTANT, "Answer 49")
    assert said(whole)[0] == (Role.USER, "0")
    assert [item.parent for item in whole.messages] == [None, *(item.pk for item in whole.messages[:-1])]
    assert (len(whole.messages), whole.head, whole.is_whole) == (100, long.head, True)
    assert threads.with_older(whole) is whole


@pytest.mark.parametrize(
    ("bounds", "count"),
    [({"messages_max": 40}, 40), ({"bytes_max": 25}, NEWEST + 4), ({"bytes_max": 0}, NEWEST)],
)
def test_reads_no_more_than_the_bounds_allow(long: Thread, bounds: dict[str, int], count: int) -> None:
    """Each older turn has ten to twelve characters: "33" and "Answer 33"."""
    found = threads.with_older(long, **bounds)

    assert len(found.messages) == count
    assert said(found)[-1] == (Role.ASSISTANT, "Answer 49")


def test_a_history_is_recognised_although_only_the_newest_of_its_conversation_is_known(long: Thread) -> None:
    sent = [item.message for item in threads.with_older(long).messages]
    new = Message(Role.USER, (TextPart("new"),))

    found = recognise([*sent[-10:], new], known=long.messages, head=long.head)

    assert found == Continuation(10)
