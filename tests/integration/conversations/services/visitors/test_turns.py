"""Turns of visitors and assistants: who is made, in which conversation they belong, and what a refused one leaves."""

from functools import partial
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations import errors
from conversations.models import Account, AssistedRun, Conversation, Dialogue, Event, Run, Visitor, VisitorIdentity
from conversations.queries.assistants import configs
from conversations.services.erasures import begin
from conversations.services.runs import cancel
from conversations.values.assistants import VisitorGiven
from conversations.values.requests import OnBusy, Preconditions
from tests import builders, round_trips
from tests.builders.factories import A_MOMENT, AccountFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


def test_a_visitors_turns_with_an_assistant_are_one_thread(ann: Account) -> None:
    helper = builders.visitors.assistant(ann)

    first, second = (builders.visitors.ask(ann, "张三", question, of=helper) for question in ("1", "2"))

    assert first.conversation_id == second.conversation_id
    visitor = Visitor.objects.get()
    assert visitor.first_seen_at is not None
    assert VisitorIdentity.objects.get().external_id == "张三"
    dialogue = builders.visitors.dialogue(first)
    assert (dialogue.visitor, dialogue.assistant_id, dialogue.is_thread) == (visitor, helper.pk, True)
    assert (dialogue.is_open, dialogue.look_at) == (False, None)
    found = AssistedRun.objects.order_by("pk").values_list("run", "assistant", "assistant_version", "visitor")
    assert list(found) == [(one.pk, helper.pk, 1, visitor.pk) for one in (first, second)]


def test_visitors_assistants_and_accounts_are_never_mixed(ann: Account) -> None:
    bob = AccountFactory.create(name="bob")
    helper, other, bobs = (builders.visitors.assistant(owner) for owner in (ann, ann, bob))

    asked = [
        builders.visitors.ask(ann, "u1", of=helper),
        builders.visitors.ask(ann, "u2", of=helper),
        builders.visitors.ask(ann, "u1", of=other),
        builders.visitors.ask(bob, "u1", of=bobs),
    ]
    again = builders.visitors.ask(ann, "u1", of=helper)

    assert len({one.conversation_id for one in asked}) == 4
    assert again.conversation_id == asked[0].conversation_id
    assert Visitor.objects.for_account(ann).count() == 2
    assert Visitor.objects.for_account(bob).count() == 1


def test_attributes_are_those_of_the_first_turn(ann: Account) -> None:
    given = {"name": "张三", "email": "z@example.com", "mobile": 13800000000, "level": {"vip": True}}

    builders.visitors.ask(ann, attributes=given)
    builders.visitors.ask(ann, attributes={"name": "Li"})

    visitor = Visitor.objects.get()
    assert (visitor.name, visitor.email, visitor.mobile) == ("张三", "z@example.com", "13800000000")
    assert visitor.attributes == {"level": {"vip": True}}


@pytest.mark.parametrize("given", [{"name": ["x"]}, {"email": "e" * 255}, {"note": "x" * 9_000}, {"note": "\x00"}])
def test_attributes_that_are_none_leave_nothing(ann: Account, given: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidRequest):
        builders.visitors.ask(ann, attributes=given)

    assert not Visitor.objects.exists()
    assert not Run.objects.exists()


def test_a_turn_that_is_not_stored_makes_no_visitor_but_knows_one(ann: Account) -> None:
    helper = builders.visitors.assistant(ann)
    builders.visitors.ask(ann, "new", of=helper, is_stored=False)
    assert not Visitor.objects.exists()
    known = builders.visitors.visitor(ann, "u1")

    asked = builders.visitors.ask(ann, "u1", of=helper, is_stored=False)

    assert AssistedRun.objects.get(pk=asked.pk).visitor == known
    assert not Dialogue.objects.exists()


def test_a_new_visitor_beyond_the_accounts_number_is_refused(ann: Account) -> None:
    builders.visitors.visitor(ann, "known")

    with pytest.raises(errors.QuotaExceeded, match="visitors"):
        builders.visitors.ask(ann, "new", may_make_visitors=False)
    builders.visitors.ask(ann, "known", may_make_visitors=False)

    assert list(VisitorIdentity.objects.values_list("external_id", flat=True)) == ["known"]
    assert Run.objects.count() == 1


def test_a_refused_turn_leaves_no_visitor_no_thread_and_no_event(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    builders.runs.start(ann)

    with pytest.raises(errors.ConversationBusy):
        builders.runs.accept(
            ann,
            given={"visitor": VisitorGiven("u1")},
            preconditions=Preconditions(on_busy=OnBusy.REJECT),
            has_endpoints=True,
        )

    assert not Visitor.objects.exists()
    assert not Dialogue.objects.exists()
    assert list(Event.objects.values_list("type", flat=True)) == ["conversation.created"]


def test_a_visitor_is_reported_after_its_conversation(ann: Account) -> None:
    builders.webhooks.endpoint(ann)

    asked = builders.visitors.ask(ann, "u1", attributes={"name": "Ann"})
    builders.visitors.ask(ann, "u1")

    types = Event.objects.order_by("pk").values_list("type", flat=True)
    assert list(types) == ["conversation.created", "visitor.created", "conversation.created"]
    payload = orjson.loads(Event.objects.get(type="visitor.created").payload or "")
    visitor = Visitor.objects.get()
    assert (payload["event"], payload["visitorId"], payload["ibotID"]) == ("contact_created", "u1", None)
    assert payload["contact_id"] == visitor.public_id.removeprefix("vis_")
    digits = asked.public_id.removeprefix("run_")
    assert payload["msgKey"].replace("-", "") == f"api_{digits}"
    # No names: the event may be kept for longer than the visitor.
    assert payload["data"].keys() == {
        *("id", "object", "external_ids", "first_seen_at", "last_seen_at", "created_at", "url")
    }
    assert (payload["data"]["id"], payload["data"]["external_ids"]) == (visitor.public_id, ["u1"])


def test_a_deleted_thread_is_followed_by_a_new_one(ann: Account) -> None:
    helper = builders.visitors.assistant(ann)
    first = builders.visitors.ask(ann, of=helper)
    cancel.cancel(account_id=ann.pk, public_id=first.public_id)
    begin.delete_conversation(conversation_id=builders.visitors.dialogue(first).pk, requested_by="test")

    # It was resolved while the thread was still there.
    again = builders.visitors.ask(ann, of=helper, conversation_id=first.conversation_id)
    third = builders.visitors.ask(ann, of=helper)

    assert again.conversation_id != first.conversation_id
    assert third.conversation_id == again.conversation_id
    assert Dialogue.objects.get().conversation.public_id == again.conversation_id


def test_a_turn_in_a_known_conversation_says_whose_it_is_once(ann: Account) -> None:
    builders.runs.start(ann)

    for external_id in ("u1", "u2"):
        builders.runs.accept(ann, given={"visitor": VisitorGiven(external_id)})

    first, second = Visitor.objects.order_by("pk")
    assert Dialogue.objects.get().visitor == first
    assert list(AssistedRun.objects.order_by("pk").values_list("visitor", flat=True)) == [first.pk, second.pk]


def test_a_used_key_gives_the_earlier_run(ann: Account) -> None:
    helper = builders.visitors.assistant(ann)
    preconditions = Preconditions(idempotency_key="k", body_hash=b"h" * 32)

    first, again = (builders.visitors.ask(ann, of=helper, preconditions=preconditions) for _ in range(2))

    assert (again.pk, again.is_new) == (first.pk, False)
    assert Conversation.objects.count() == 1
    assert AssistedRun.objects.count() == 1


def test_a_turn_of_neither_asks_nothing_more(ann: Account) -> None:
    builders.runs.accept(ann)

    with CaptureQueriesContext(connection) as captured:
        builders.runs.accept(ann)

    # What opens a transaction would be a savepoint here.
    assert [query["sql"] for query in captured if "SAVEPOINT" in query["sql"]] == []
    assert not AssistedRun.objects.exists()


def test_a_dialogue_is_opened_for_an_account_that_has_endpoints(ann: Account) -> None:
    helper = builders.visitors.assistant(ann)
    asked = builders.visitors.ask(ann, of=helper)
    assert not builders.visitors.dialogue(asked).is_open

    builders.visitors.ask(ann, of=helper, has_endpoints=True)

    opened = builders.visitors.dialogue(asked)
    assert opened.is_open
    builders.visitors.ask(ann, of=helper, has_endpoints=True)
    assert builders.visitors.dialogue(asked).look_at == opened.look_at


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_stored", [True, False])
def test_a_turn_asks_the_database_once_whosever_it_is(ann: Account, is_stored: bool) -> None:
    """Its assistant was read by one statement before it."""
    helper = builders.visitors.assistant(ann)
    caller = builders.runs.caller(ann)
    load = partial(configs.load, account_id=ann.pk, assistant_id=helper.public_id)

    def trips(external_id: str, **more: Any) -> int:
        ask = partial(builders.visitors.ask, ann, external_id, is_stored=is_stored, by=caller, **more)
        return round_trips.count(ask)

    # What the connection prepares.
    load()
    for used in (helper, None):
        trips("u1", of=used)

    assert trips("u1", of=helper) == 1
    assert trips("new", of=helper) == 1
    assert trips("new", of=helper) == 1
    Visitor.objects.update(last_seen_at=A_MOMENT)
    assert trips("u1", of=helper) == 1
    assert trips("alone") == 1
    assert round_trips.count(load) == 1
