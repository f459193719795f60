"""A filled database, made once for all tests of this package and taken back after the last one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Count

from conversations.models import Account, Conversation, Document, KnowledgeBase, Reading, Run, Task, ToolCall
from conversations.services.sample_data import fill
from conversations.services.sample_data.fill import Filling
from conversations.services.sample_data.owners import NAME

FILLING = Filling(messages=30_000, accounts=12, named="ann", longest=2_000, seed=5)
# By rank: the largest of those with endpoints, the one that came late, and the largest of those that pay.
REPORTED, LATE, PAYING = NAME.format(3), NAME.format(FILLING.accounts - 1), NAME.format(2)


@dataclass(frozen=True, slots=True)
class Filled:
    """`ann` has a fifth of all turns, and the longest conversation.

    `base`: her largest; `document` is ready and in it. `called`: a run that called tools. `reading`: her newest.
    """

    ann: Account
    reported: Account
    late: Account
    paying: Account
    longest: Conversation
    task: Task
    base: KnowledgeBase
    document: Document
    called: Run
    reading: Reading
    progress: list[int]


@pytest.fixture(scope="package")
def filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[Filled]:
    """In a transaction that encloses the tests' own, so that nothing of it is left."""
    with django_db_blocker.unblock():
        outer = transaction.atomic()
        outer.__enter__()
        progress: list[int] = []
        fill.fill(FILLING, progress=progress.append)
        ann = Account.objects.get(name=FILLING.named)
        base = KnowledgeBase.objects.for_account(ann).annotate(size=Count("documents")).latest("size")
        yield Filled(
            ann=ann,
            reported=Account.objects.get(name=REPORTED),
            late=Account.objects.get(name=LATE),
            paying=Account.objects.get(name=PAYING),
            longest=_longest(ann),
            task=Task.objects.for_account(ann).select_related("run").earliest("pk"),
            base=base,
            document=Document.objects.select_related("base").filter(base=base, status="ready").latest("pk"),
            called=_called(ann),
            reading=Reading.objects.for_account(ann).exclude(conversation=_longest(ann)).latest("pk"),
            progress=progress,
        )
        transaction.set_rollback(True)
        outer.__exit__(None, None, None)
        connection.close()


def _called(owner: Account) -> Run:
    calls = ToolCall.objects.for_account(owner).exclude(run__conversation=_longest(owner))
    return calls.select_related("run").latest("pk").run


def _longest(owner: Account) -> Conversation:
    return Conversation.objects.for_account(owner).annotate(size=Count("messages")).latest("size")
