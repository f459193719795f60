"""The report of usage: its groups, filters and pages, the same before and after usage is added up."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from conversations import errors
from conversations.models import Account, ApiKey, Conversation, UsageOfConversation
from conversations.queries.money import usage, usage_cursor
from conversations.values.usage import UsageRow
from tests import builders
from tests.builders.factories import AccountFactory, ConversationFactory
from tests.builders.usage import count, ended, report

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

MARCH_1, MARCH_2 = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def ann() -> Account:
    return AccountFactory.create(name="ann")


@pytest.fixture(params=["before it is added up", "after it", "in the middle"])
def used(request: pytest.FixtureRequest, ann: Account) -> ApiKey:
    """Runs of two days, two models, two conversations and none; another account's beside them. The key they had."""
    bob = AccountFactory.create(name="bob")
    runs: list[dict[str, Any]] = [
        {"conversation_id": "one", "model": "echo", "at": MARCH_1},
        {"conversation_id": "two", "model": "Zebra", "at": MARCH_1},
        {"conversation_id": "one", "model": "echo", "at": MARCH_2},
        {"conversation_id": "two", "model": "echo", "at": MARCH_2},
        {"is_stored": False, "model": "ähnlich", "at": MARCH_2},
    ]
    for number, run in enumerate(runs):
        ended(ann, **run)
        ended(bob, **run)
        if request.param == "in the middle" and number == 2:
            count()
    if request.param == "after it":
        count()
    return ApiKey.objects.get(account=ann)


def shown(rows: Sequence[UsageRow], *names: str) -> list[tuple[Any, ...]]:
    return [(*(getattr(row, name) for name in names), row.sums["runs"]) for row in rows]


def all_pages(owner: Account, *by: str, limit: int, **more: Any) -> Iterator[UsageRow]:
    cursor: str | None = None
    while True:
        page = report(owner, *by, cursor=cursor, limit=limit, **more)
        assert len(page.rows) <= limit
        yield from page.rows
        cursor = page.next_cursor
        if cursor is None:
            return


def test_groups_by_each(ann: Account, used: ApiKey) -> None:
    first, second = date(2026, 3, 1), date(2026, 3, 2)

    assert shown(report(ann, "day").rows, "day") == [(second, 3), (first, 2)]
    assert shown(report(ann, "model").rows, "model", "day") == [
        ("Zebra", None, 1),
        ("echo", None, 3),
        ("ähnlich", None, 1),
    ]
    assert shown(report(ann, "key").rows, "key", "key_name") == [(used.public_id, "", 5)]
    assert shown(report(ann, "conversation").rows, "conversation") == [("two", 2), ("one", 2)]
    assert shown(report(ann, "model", "day").rows, "day", "model") == [
        (second, "echo", 2),
        (second, "ähnlich", 1),
        (first, "Zebra", 1),
        (first, "echo", 1),
    ]


@pytest.mark.parametrize("by", ["day", "day,model", "key,model", "conversation", "conversation,day"])
def test_pages_are_the_whole_in_parts(ann: Account, used: ApiKey, by: str) -> None:
    groups = by.split(",")

    whole = report(ann, *groups).rows

    assert list(all_pages(ann, *groups, limit=1)) == list(all_pages(ann, *groups, limit=2)) == whole


def test_filters(ann: Account, used: ApiKey) -> None:
    def runs(**filters: Any) -> int:
        return sum(int(row.sums["runs"]) for row in report(ann, "day", **filters).rows)

    assert runs(days=(MARCH_1.date(), MARCH_1.date())) == 2
    assert runs(model="echo") == 3
    assert runs(key=used.public_id) == 5
    assert runs(conversation="one") == 2
    assert runs(conversation="one", model="Zebra") == 0
    assert runs(key="key_of_nobody") == runs(conversation="nobody's") == 0


def test_nothing_of_another_account_is_shown(ann: Account, used: ApiKey) -> None:
    key_of_bob = ApiKey.objects.exclude(account=ann).get()
    cursor = usage_cursor.dump(("key",), (key_of_bob.pk,))

    assert report(ann, "day", key=key_of_bob.public_id).rows == []
    with pytest.raises(errors.InvalidRequest):
        report(ann, "key", cursor=cursor)


def test_runs_without_a_key_are_a_group(ann: Account) -> None:
    for _ in range(2):
        run = ended(ann)
        type(run).objects.filter(pk=run.pk).update(api_key=None)
    ended(ann)

    for _ in ("before it is added up", "after it"):
        rows = list(all_pages(ann, "key", limit=1))

        assert shown(rows, "key") == [(None, 2), (ApiKey.objects.get(account=ann).public_id, 1)]
        assert shown(report(ann, "key", key="none").rows, "key") == [(None, 2)]
        count()


def test_a_deleted_conversation_is_not_named_but_its_usage_counts(ann: Account, used: ApiKey) -> None:
    one = Conversation.objects.get(account=ann, public_id="one")
    builders.erasures.delete_conversation(conversation_id=one.pk)

    assert shown(report(ann, "conversation").rows, "conversation") == [("two", 2)]
    assert sum(int(row.sums["runs"]) for row in report(ann, "day").rows) == 5


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "ä", "W" * 5_000),
        # [], {"a":1}, ["2026-03-01",1], [1], ["\\u0000"], ["nowhen"], [[[
        *("W10", "eyJhIjoxfQ", "WyIyMDI2LTAzLTAxIiwgMV0", "WzFd", "WyJcdTAwMDAiXQ", "WyJub3doZW4iXQ", "W1tb"),
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(ann: Account, cursor: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="cursor is not one of ours"):
        report(ann, "day", cursor=cursor)


def test_a_page_of_conversations_looks_through_a_bounded_number_of_them(
    ann: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "LOOKED_THROUGH", 3)
    threads = ConversationFactory.create_batch(8, account=ann)
    Conversation.objects.update(created_at=MARCH_1)
    for number, thread in enumerate(threads):
        day = MARCH_1.date() if number in (0, 4) else MARCH_2.date()
        for model in ("a", "b"):
            UsageOfConversation.objects.create(account=ann, conversation=thread, day=day, model=model, runs=1)
    days = (MARCH_1.date(), MARCH_1.date())

    first = report(ann, "conversation", days=days)

    assert (first.rows, first.next_cursor is None) == ([], False)
    found = shown(list(all_pages(ann, "conversation", limit=2, days=days)), "conversation")
    assert found == [(threads[4].public_id, 2), (threads[0].public_id, 2)]


def test_when_nothing_counts_any_more_there_is_no_report(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than one that takes ever longer, or that lacks something."""
    monkeypatch.setattr(usage, "OWN_UNCOUNTED_MAX", 1)
    ended(ann)
    assert report(ann).rows
    ended(ann)

    with pytest.raises(errors.ServiceUnavailable):
        report(ann)

    count()
    assert report(ann).rows[0].sums["runs"] == 2
