"""A conversation's messages as a tree: all of them, by a number of queries that does not grow with them."""

from typing import Any

import pytest

from conversations.models import Account
from conversations.queries import threads
from conversations.queries.threads import Thread
from providers.messages import Message, Role, TextPart
from tests.integration.conversations import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> Account:
    return making.account("ann")


def said(thread: Thread) -> list[tuple[Role, str]]:
    return [(item.message.role, item.message.text) for item in thread.messages]


def test_reads_every_message_with_its_place(ann: Account, django_assert_num_queries: Any) -> None:
    for number in ("1", "2", "3"):
        making.answered(ann, number, f"Answer {number}")

    with django_assert_num_queries(2):
        thread = threads.read(account_id=ann.pk, conversation_id="thread")

    assert said(thread)[:2] == [(Role.USER, "1"), (Role.ASSISTANT, "Answer 1")]
    assert len(thread.messages) == 6
    assert thread.messages[0].message == Message(Role.USER, (TextPart("1"),))
    assert [item.parent for item in thread.messages] == [None, *(item.pk for item in thread.messages[:-1])]
    assert thread.head == thread.messages[-1].pk


def test_another_accounts_conversation_is_empty(ann: Account) -> None:
    making.answered(ann, "1")

    assert threads.read(account_id=making.account("bob").pk, conversation_id="thread") == Thread()
