"""Lists of conversations: in which order, whose, and to the end."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from conversations import errors
from conversations.models import Account, Conversation, Dialogue, Visitor
from conversations.queries.conversations import pages, positions
from conversations.queries.conversations.pages import Wanted
from conversations.queries.visitors import ownership
from conversations.services import conversations
from conversations.services.conversations import ConversationChange
from conversations.services.erasures import tombstones
from conversations.services.visitors import removal
from tests import builders
from tests.builders.factories import AccountFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


def begin(owner: Account, *names: str, visitor: str = "") -> None:
    """Last active in this order. Those of a visitor are with nobody."""
    for name in names:
        made = Conversation.objects.create(account=owner, public_id=name)
        if visitor:
            Dialogue.objects.create(conversation=made, account=owner, visitor=of(owner, visitor))
        activate(name)


def of(owner: Account, external_id: str) -> Visitor:
    found = Visitor.objects.filter(account=owner, identities__external_id=external_id).first()
    return found or builders.visitors.visitor(owner, external_id)


def activate(name: str) -> None:
    """Within one transaction `now()` stands still."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE conversations_conversation SET updated_at = clock_timestamp() WHERE public_id = %s", [name]
        )


def walked(wanted: Wanted, *, limit: int) -> Iterator[list[str]]:
    cursor: str | None = None
    for _ in range(20):
        page = pages.page(wanted, cursor=cursor, limit=limit)
        yield [one.conversation.public_id for one in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return
    pytest.fail("The list does not end.")


def names(wanted: Wanted, *, limit: int = 100) -> list[str]:
    return [name for page in walked(wanted, limit=limit) for name in page]


def of_visitor(owner: Account, external_id: str, **more: Any) -> Wanted:
    return Wanted(owner.pk, visitors=ownership.visitors(account_id=owner.pk, external_id=external_id), **more)


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
@pytest.mark.parametrize("visitor", ["", "v1"])
def test_the_last_active_come_first_on_pages_of_any_size(ann: Account, limit: int, visitor: str) -> None:
    begin(ann, "a", "b", "c", "d", visitor=visitor)
    activate("b")
    begin(AccountFactory.create(name="bob"), "foreign")

    wanted = of_visitor(ann, "v1") if visitor else Wanted(ann.pk)

    assert names(wanted, limit=limit) == ["b", "d", "c", "a"]


def test_what_is_active_meanwhile_hides_nothing(ann: Account) -> None:
    begin(ann, "a", "b", "c", "d")
    first = pages.page(Wanted(ann.pk), cursor=None, limit=2)
    activate("c")
    activate("b")

    second = pages.page(Wanted(ann.pk), cursor=first.next_cursor, limit=2)

    assert [one.conversation.public_id for one in first.rows] == ["d", "c"]
    assert [one.conversation.public_id for one in second.rows] == ["a"]


def test_deleted_and_archived_ones_are_left_out(ann: Account) -> None:
    begin(ann, "kept", "archived", "deleted")
    keys = dict(Conversation.objects.values_list("public_id", "pk"))
    tombstones.bury_conversation(conversation_id=keys["deleted"], requested_by="a test")
    conversations.change(account_id=ann.pk, key=keys["archived"], change=ConversationChange(is_archived=True))

    assert names(Wanted(ann.pk)) == ["kept"]
    assert names(Wanted(ann.pk, is_archived=True)) == ["archived"]


def test_a_page_ends_where_it_has_looked_through_enough(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "LOOKED_THROUGH", 2)
    begin(ann, "a", "b", "c", "d", "e")
    for name in ("b", "c", "d"):
        key = Conversation.objects.get(public_id=name).pk
        conversations.change(account_id=ann.pk, key=key, change=ConversationChange(is_archived=True))

    assert list(walked(Wanted(ann.pk), limit=2)) == [["e"], [], ["a"]]


def test_a_visitors_list_goes_on_behind_a_block(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "BLOCK", 2)
    begin(ann, "a", "b", "c", "d", "e", visitor="v1")
    activate("d")
    activate("a")

    assert list(walked(of_visitor(ann, "v1"), limit=1)) == [["d"], ["e"], ["c"], ["b"], ["a"]]


def test_a_visitor_has_what_was_merged_into_it_before_it_is_moved(ann: Account) -> None:
    begin(ann, "old", visitor="v1")
    begin(ann, "new", visitor="v2")
    found = {name: of(ann, name) for name in ("v1", "v2")}
    locked = removal.locked(account_id=ann.pk, visitor_ids=[one.public_id for one in found.values()])
    removal.merge(locked[found["v1"].public_id], into=locked[found["v2"].public_id])

    assert names(of_visitor(ann, "v1")) == names(of_visitor(ann, "v2")) == ["new", "old"]


def test_a_visitor_that_is_deleted_has_nothing(ann: Account) -> None:
    begin(ann, "a", visitor="v1")
    visitor = of(ann, "v1")

    removal.bury(removal.locked(account_id=ann.pk, visitor_ids=[visitor.public_id])[visitor.public_id])

    assert names(of_visitor(ann, "v1")) == []


def test_an_assistants_conversations_are_those_with_it(ann: Account) -> None:
    helper, other = (builders.visitors.assistant(ann, name=name) for name in ("Helper", "Other"))
    turn = builders.visitors.ask(ann, "v1", of=helper)
    builders.visitors.ask(ann, "v1", of=other)
    begin(ann, "of nobody")

    assert names(Wanted(ann.pk, assistant=helper.pk)) == [turn.conversation_id]
    assert names(of_visitor(ann, "v1", assistant=helper.pk)) == [turn.conversation_id]


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "WzEsMiwzXQ", "bnVsbA", "W10", "\ud800", "中", "e30", "x" * 3_000, "[]"),
        # [true,"",""], [1e400,"",""], [-1,"",""], [99999999999999999999,"",""], [1,"a\u0000",""], [1,"nobody",""]
        *("W3RydWUsIiIsIiJd", "WzFlNDAwLCIiLCIiXQ", "Wy0xLCIiLCIiXQ", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5LCIiLCIiXQ"),
        *("WzEsImFcdTAwMDAiLCIiXQ", "WzEsIm5vYm9keSIsIiJd"),
    ],
)
def test_refuses_a_cursor_that_no_page_gave(ann: Account, cursor: str) -> None:
    with pytest.raises(errors.InvalidRequest) as refused:
        positions.load(cursor, account_id=ann.pk)

    assert refused.value.param == "cursor"
