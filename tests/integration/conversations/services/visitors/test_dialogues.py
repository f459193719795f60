"""When a dialogue is over: the sweep reports it once, and never while it goes on."""

from datetime import timedelta

import orjson
import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from conversations.models import Account, Conversation, Delivery, Dialogue, Event, Run
from conversations.services.runs import cancel, finish
from conversations.services.runs.accept import AcceptedRun
from conversations.services.visitors import dialogues
from tests import builders
from tests.fakes import refused_rows
from tests.integration.conversations.conftest import Sweep

pytestmark = pytest.mark.django_db


def age(asked: AcceptedRun, *, by: timedelta = settings.DIALOGUE_IDLE + timedelta(minutes=1)) -> None:
    """As if all of it had been so long ago."""
    own = Conversation.objects.filter(public_id=asked.conversation_id)
    own.update(updated_at=Now() - by)
    Dialogue.objects.filter(conversation__in=own).update(look_at=Now() - timedelta(seconds=1))


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def finished() -> list[Event]:
    return list(Event.objects.filter(type="dialogue.finished").order_by("pk"))


def answer(asked: AcceptedRun) -> None:
    claimed = builders.runs.claim(Run.objects.get(pk=asked.pk))
    assert finish.finish(run=claimed, report=builders.runs.report("Hi."))


def test_it_is_reported_once_when_nobody_asks_any_more(ann: Account, sweep: Sweep) -> None:
    builders.webhooks.endpoint(ann)
    helper = builders.visitors.assistant(ann)
    asked = builders.visitors.ask(ann, "张三", of=helper, has_endpoints=True)
    answer(asked)
    sweep()
    assert finished() == []

    age(asked)
    sweep()
    sweep()

    (event,) = finished()
    payload = orjson.loads(event.payload or "")
    dialogue = builders.visitors.dialogue(asked)
    assert (dialogue.is_open, dialogue.look_at) == (False, None)
    assert event.conversation_id == dialogue.pk
    visitor = dialogue.visitor
    assert visitor is not None
    assert {name: payload[name] for name in ("event", "ibotID", "visitorId", "contact_id", "msgKey")} == {
        "event": "dialogue_finished",
        "ibotID": helper.public_id,
        "visitorId": "张三",
        "contact_id": visitor.public_id.removeprefix("vis_"),
        "msgKey": None,
    }
    assert payload["data"]["conversation"] == asked.conversation_id
    assert (payload["data"]["assistant"], payload["data"]["visitor"]) == (helper.public_id, visitor.public_id)


def test_another_turn_opens_it_again(ann: Account, sweep: Sweep) -> None:
    builders.webhooks.endpoint(ann)
    helper = builders.visitors.assistant(ann)
    for _ in range(2):
        asked = builders.visitors.ask(ann, of=helper, has_endpoints=True)
        answer(asked)
        age(asked)
        sweep()

    assert len(finished()) == 2


def test_one_that_goes_on_is_looked_at_later(ann: Account, sweep: Sweep) -> None:
    builders.webhooks.endpoint(ann)
    helper = builders.visitors.assistant(ann)
    active, quiet = (builders.visitors.ask(ann, name, of=helper, has_endpoints=True) for name in ("u1", "u2"))
    answer(quiet)
    age(active)
    age(quiet, by=timedelta(minutes=1))

    sweep()

    assert finished() == []
    assert not dialogues.due().exists()
    first, second = (builders.visitors.dialogue(asked) for asked in (active, quiet))
    assert first.is_open
    assert second.is_open
    assert second.look_at == second.conversation.updated_at + settings.DIALOGUE_IDLE


@pytest.mark.django_db(transaction=True)
def test_one_that_is_refused_stops_no_other(ann: Account, sweep: Sweep) -> None:
    builders.webhooks.endpoint(ann)
    asked = [builders.visitors.ask(ann, name, has_endpoints=True) for name in ("u1", "u2")]
    for one in asked:
        cancel.cancel(account_id=ann.pk, public_id=one.public_id)
        age(one)
    refused = builders.visitors.dialogue(asked[0])

    with refused_rows.refusing(execute, "event", "INSERT", when=f"NEW.conversation_id = {refused.pk}"):
        sweep()

    assert [event.conversation_id for event in finished()] == [builders.visitors.dialogue(asked[1]).pk]
    refused.refresh_from_db()
    assert refused.is_open
    # Nor does it stand in the way of others.
    assert not dialogues.due().exists()
    Dialogue.objects.update(look_at=Now())
    sweep()
    assert len(finished()) == 2


def quiet(owner: Account, name: str) -> int:
    """The key of a dialogue in which nobody has asked anything for long."""
    asked = builders.visitors.ask(owner, name, has_endpoints=True)
    cancel.cancel(account_id=owner.pk, public_id=asked.public_id)
    age(asked)
    return int(builders.visitors.dialogue(asked).pk)


def test_a_batch_is_bounded_and_fair_among_accounts(ann: Account, bob: Account) -> None:
    for owner in (ann, bob):
        builders.webhooks.endpoint(owner)
    longest = [quiet(ann, name) for name in ("u1", "u2", "u3")]
    later = quiet(bob, "u1")
    Dialogue.objects.filter(pk__in=longest).update(look_at=Now() - timedelta(hours=1))

    dialogues.finish_each(most=2)

    first, second = finished()
    assert {first.account_id, second.account_id} == {ann.pk, bob.pk}
    assert later in {first.conversation_id, second.conversation_id}


def test_many_ends_take_few_statements_and_are_delivered(ann: Account) -> None:
    endpoint, _ = builders.webhooks.endpoint(ann)
    made = [quiet(ann, f"u{number}") for number in range(5)]
    before = dict(Conversation.objects.values_list("pk", "event_sequence"))

    with CaptureQueriesContext(connection) as ran:
        dialogues.finish_each(most=10)

    assert len(ran.captured_queries) < 30
    events = finished()
    # Each conversation goes on counting its own events.
    assert {event.conversation_id: event.sequence for event in events} == {pk: before[pk] + 1 for pk in made}
    of = Delivery.objects.filter(event__in=events)
    assert set(of.values_list("event", "endpoint", "status", "account")) == {
        (event.pk, endpoint.pk, "pending", ann.pk) for event in events
    }
