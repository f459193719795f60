"""Pages by key: every row once, whatever becomes of the rows meanwhile."""

import pytest

from conversations import errors
from conversations.models import Account, Event
from conversations.queries.keyset import Page, keyset_page

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> Account:
    return Account.objects.create(name="ann")


def events(owner: Account, count: int) -> list[str]:
    made = [Event.objects.create(account=owner, type="run.completed", sequence=number) for number in range(count)]
    return [event.public_id for event in made]


def page(owner: Account, *, cursor: str | None = None, oldest_first: bool = False, **filters: str) -> Page[Event]:
    rows = Event.objects.filter(**filters)
    return keyset_page(rows, account_id=owner.pk, cursor=cursor, limit=2, oldest_first=oldest_first)


def ids(found: Page[Event]) -> list[str]:
    return [event.public_id for event in found.rows]


def test_the_newest_come_first_and_the_last_page_has_no_cursor(ann: Account) -> None:
    a, b, c = events(ann, 3)

    first = page(ann)
    second = page(ann, cursor=first.next_cursor)

    assert (ids(first), first.next_cursor) == ([c, b], b)
    assert (ids(second), second.next_cursor) == ([a], None)


def test_the_oldest_come_first_when_asked_for(ann: Account) -> None:
    a, b, c = events(ann, 3)

    first = page(ann, oldest_first=True)
    second = page(ann, oldest_first=True, cursor=b)

    assert (ids(first), first.next_cursor) == ([a, b], b)
    assert (ids(second), second.next_cursor) == ([c], None)


def test_a_page_that_is_just_full_is_the_last(ann: Account) -> None:
    a, b = events(ann, 2)

    assert (ids(page(ann)), page(ann).next_cursor) == ([b, a], None)


def test_a_cursor_that_the_filter_no_longer_finds_still_says_where_to_go_on(ann: Account) -> None:
    a, b, c = events(ann, 3)
    Event.objects.filter(public_id=b).update(type="run.failed")

    assert ids(page(ann, cursor=b, type="run.completed")) == [a]
    assert ids(page(ann, type="run.completed")) == [c, a]


def test_another_accounts_row_is_no_cursor(ann: Account) -> None:
    (theirs,) = events(Account.objects.create(name="bob"), 1)

    with pytest.raises(errors.InvalidRequest) as refused:
        page(ann, cursor=theirs)

    assert (refused.value.message, refused.value.param) == ("cursor is not one of ours", "cursor")
