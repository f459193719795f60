"""Events: numbered without a gap, sent to the endpoints that subscribe, recorded only for accounts with endpoints."""

import threading

import orjson
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from conversations.models import Account, Delivery, Event
from conversations.queries.webhooks import events as event_queries
from conversations.services.webhooks import deliveries, endpoints, events
from conversations.services.webhooks.endpoints import EndpointChange
from conversations.webhooks.payloads import EventType
from tests import builders
from tests.builders.factories import AccountFactory, ConversationFactory
from tests.integration.conversations import inspection
from tests.integration.conversations.prepared import executed

pytestmark = pytest.mark.django_db

STATEMENTS = {
    "next_in_account": events.NEXT_IN_ACCOUNT,
    "next_in_conversation": events.NEXT_IN_CONVERSATION,
    "subscribed": deliveries.SUBSCRIBED,
    "record": events.RECORD,
}


def test_an_account_without_endpoints_costs_one_statement(ann: Account) -> None:
    conversation = ConversationFactory.create(account=ann)
    with CaptureQueriesContext(connection) as queries, executed(**STATEMENTS) as times:
        events.record(account_id=ann.pk, event_type=EventType.RUN_FAILED, data={})
        events.record(account_id=ann.pk, event_type=EventType.RUN_FAILED, data={}, conversation_id=conversation.pk)

    assert times == {"next_in_account": 1, "next_in_conversation": 1}
    assert [query["sql"] for query in queries if "pg_prepared_statements" not in query["sql"]] == []
    assert not Event.objects.exists()
    ann.refresh_from_db()
    conversation.refresh_from_db()
    assert (ann.event_sequence, conversation.event_sequence) == (0, 0)


def test_an_event_is_sent_to_every_endpoint_that_subscribes_to_its_type(ann: Account) -> None:
    everything, _ = builders.webhooks.endpoint(ann, "http://127.0.0.1:1001/")
    one_type, _ = builders.webhooks.endpoint(ann, "http://127.0.0.1:1002/", event_types=["run.failed", "run.completed"])
    builders.webhooks.endpoint(ann, "http://127.0.0.1:1003/", event_types=["run.failed"])
    builders.webhooks.endpoint(AccountFactory.create(name="bob"), "http://127.0.0.1:1004/")
    disabled, _ = builders.webhooks.endpoint(ann, "http://127.0.0.1:1005/")
    endpoints.change(account_id=ann.pk, endpoint_id=disabled.public_id, change=EndpointChange(is_enabled=False))

    builders.webhooks.record(ann, EventType.RUN_COMPLETED, data={"id": "run_1"})

    event = Event.objects.get()
    assert orjson.loads(event.payload or "") == {
        "id": event.public_id,
        "type": "run.completed",
        "timestamp": event.created_at.isoformat().replace("+00:00", "Z"),
        "sequence": 1,
        "data": {"id": "run_1"},
    }
    created = Delivery.objects.order_by("pk")
    assert [(one.endpoint_id, one.url, one.destination, one.status) for one in created] == [
        (everything.pk, everything.url, "http://127.0.0.1:1001", "pending"),
        (one_type.pk, one_type.url, "http://127.0.0.1:1002", "pending"),
    ]


def test_an_event_with_its_deliveries_costs_three_statements(ann: Account) -> None:
    for _ in range(3):
        builders.webhooks.endpoint(ann)
    # It counts the pending deliveries, which it does every few seconds only.
    builders.webhooks.record(ann)

    with transaction.atomic(), CaptureQueriesContext(connection) as queries, executed(**STATEMENTS) as times:
        events.record(account_id=ann.pk, event_type=EventType.RUN_FAILED, data={})

    assert times == {"next_in_account": 1, "subscribed": 1, "record": 1}
    assert [query["sql"] for query in queries if "pg_prepared_statements" not in query["sql"]] == []
    assert Delivery.objects.filter(event=Event.objects.latest("pk")).count() == 3


def test_each_conversation_and_the_account_count_for_themselves(ann: Account) -> None:
    for name in ("one", "two"):
        builders.runs.start(ann, conversation_id=name)
    builders.webhooks.endpoint(ann)
    for name in ("one", "two", "one"):
        builders.webhooks.record(ann, conversation_id=inspection.conversation(ann, name).pk)
    builders.webhooks.record(ann)
    builders.webhooks.record(ann)

    numbers = Event.objects.order_by("pk").values_list("conversation__public_id", "sequence")
    assert list(numbers) == [("one", 1), ("two", 1), ("one", 2), (None, 1), (None, 2)]


def test_what_is_rolled_back_leaves_no_gap(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    builders.webhooks.record(ann)
    with transaction.atomic():
        builders.webhooks.record(ann)
        transaction.set_rollback(True)
    builders.webhooks.record(ann)

    assert list(Event.objects.order_by("pk").values_list("sequence", flat=True)) == [1, 2]
    assert Delivery.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_events_of_many_at_once_are_numbered_in_the_order_they_become_visible(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    late = threading.Event()

    def record_in_long_transactions() -> None:
        try:
            for _ in range(10):
                with transaction.atomic():
                    builders.webhooks.record(ann)
                    late.wait(0.005)
        finally:
            connection.close()

    threads = [threading.Thread(target=record_in_long_transactions) for _ in range(4)]
    for thread in threads:
        thread.start()
    caught_up: list[str] = []
    while any(thread.is_alive() for thread in threads) or len(caught_up) < 40:
        after = caught_up[-1] if caught_up else None
        page = event_queries.page(account_id=ann.pk, after=after, conversation_id=None, event_type=None, limit=100)
        caught_up += [event.public_id for event in page.rows]
    for thread in threads:
        thread.join()

    in_order = Event.objects.order_by("pk")
    assert caught_up == list(in_order.values_list("public_id", flat=True))
    assert list(in_order.values_list("sequence", flat=True)) == list(range(1, 41))
