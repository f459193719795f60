"""Which deliveries are begun next: the order of accounts and destinations, and how many rows finding it reads."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection

from conversations.models import Account, Delivery
from conversations.services.webhooks import attempts, sql
from conversations.services.webhooks.attempts import ClaimedDelivery
from conversations.services.webhooks.selection import DeliverySelector
from conversations.services.webhooks.sql import AccountShare
from tests import plans
from tests.builders.factories import AccountFactory, DeliveryFactory, EventFactory, WebhookEndpointFactory

pytestmark = pytest.mark.django_db

FILL = """
SET LOCAL session_replication_role = replica;
INSERT INTO conversations_delivery
  (account_id, public_id, kind, endpoint_id, event_id, url, receiver, status, finished_at, next_attempt_at, is_due)
SELECT %(account)s, 'dlv_' || %(mark)s || i, 'endpoint', %(endpoint)s, %(event)s, 'https://a.example/',
       %(destination)s || CASE WHEN %(many)s THEN i::text ELSE '' END, %(status)s,
       CASE WHEN %(status)s <> 'pending' THEN now() END, now() + %(wait)s * interval '1 second', %(wait)s <= 0
FROM generate_series(1, %(rows)s) i;
ANALYZE conversations_delivery;
"""


def create(owner: Account, destination: str, count: int = 1) -> list[int]:
    endpoint = WebhookEndpointFactory.create(account=owner)
    event = EventFactory.create(account=owner)
    made = DeliveryFactory.create_batch(count, account=owner, endpoint=endpoint, event=event, destination=destination)
    return [delivery.pk for delivery in made]


def fill(owner: Account, rows: int, *, destination: str, many: bool, wait: float = 0, status: str = "pending") -> None:
    endpoint = WebhookEndpointFactory.create(account=owner)
    event = EventFactory.create(account=owner)
    with connection.cursor() as cursor:
        cursor.execute(
            FILL,
            {
                "account": owner.pk,
                "endpoint": endpoint.pk,
                "event": event.pk,
                "mark": f"{endpoint.pk}_",
                "destination": destination,
                "many": many,
                "wait": wait,
                "status": status,
                "rows": rows,
            },
        )


def claimed(selector: DeliverySelector, in_flight: Sequence[ClaimedDelivery] = ()) -> list[ClaimedDelivery]:
    begun, refused = attempts.claim(pks=selector.select(in_flight))
    assert refused == []
    return begun


def destinations(begun: Sequence[ClaimedDelivery]) -> list[str]:
    return sorted(one.destination for one in begun)


def test_a_destination_in_slow_start_gets_one_and_a_prompt_one_four(ann: Account) -> None:
    selector = DeliverySelector(capacity=64, slow_start_capacity=48)
    for destination in ("a", "b"):
        create(ann, destination, 9)

    first = claimed(selector)
    for delivery in first:
        selector.note_response(delivery, is_prompt=delivery.destination == "b")
    second = claimed(selector, [one for one in first if one.destination == "b"])

    assert destinations(first) == ["a", "b"]
    assert destinations(second) == ["a", "b", "b", "b"]


def test_the_longest_due_of_a_destination_goes_first(ann: Account) -> None:
    late, early = create(ann, "a", 2)
    Delivery.objects.filter(pk=early).update(next_attempt_at="2020-01-01T00:00:00Z")

    assert [one.pk for one in claimed(DeliverySelector(capacity=64, slow_start_capacity=48))] == [early]
    assert Delivery.objects.get(pk=late).attempts_made == 0


def test_an_account_gets_half_alone_and_others_what_is_left(ann: Account, bob: Account) -> None:
    selector = DeliverySelector(capacity=64, slow_start_capacity=48)
    fill(ann, 600, destination="https://hangs", many=True)
    of_ann = claimed(selector)
    fill(bob, 600, destination="https://hangs", many=True)

    of_bob = claimed(selector, of_ann)

    assert {one.account_id for one in of_ann} == {ann.pk}
    assert {one.account_id for one in of_bob} == {bob.pk}
    assert (len(of_ann), len(of_bob)) == (24, 12)
    assert claimed(selector, [*of_ann, *of_bob]) == []


def test_no_destination_of_an_account_waits_for_ever_behind_its_others(ann: Account) -> None:
    """With one attempt at a time each of them gets its turn, although every one has more waiting."""
    selector = DeliverySelector(capacity=2, slow_start_capacity=2)
    for destination in "edcba":
        create(ann, destination, 3)

    begun = [destinations(claimed(selector)) for _ in range(10)]

    assert begun == [[destination] for destination in "abcdeabcde"]


def test_no_account_waits_for_ever_behind_many_others() -> None:
    selector = DeliverySelector(capacity=2, slow_start_capacity=2)
    owners = [AccountFactory.create(name=f"owner {number}") for number in range(5)]
    for owner in owners:
        create(owner, "a", 3)

    begun = [{one.account_id for one in claimed(selector)} for _ in range(5)]

    # Two at a time, in turn.
    first, second, third, fourth, fifth = (owner.pk for owner in owners)
    assert begun == [{first, second}, {third, fourth}, {fifth, first}, {second, third}, {fourth, fifth}]


def test_what_is_slow_for_one_account_stays_prompt_for_another(ann: Account, bob: Account) -> None:
    selector = DeliverySelector(capacity=64, slow_start_capacity=48)
    for owner in (ann, bob):
        create(owner, "https://shared", 9)
    first = claimed(selector)
    for delivery in first:
        selector.note_response(delivery, is_prompt=delivery.account_id == bob.pk)

    second = claimed(selector)

    assert sorted(one.account_id for one in second) == [ann.pk, *[bob.pk] * 4]


def test_what_waits_for_a_retry_is_not_looked_at(ann: Account, bob: Account) -> None:
    fill(ann, 50_000, destination="https://h", many=True, wait=3600)
    (pk,) = create(bob, "a")

    assert [one.pk for one in claimed(DeliverySelector(capacity=64, slow_start_capacity=48))] == [pk]
    assert rows_read(ann) <= 10


def test_neither_many_destinations_nor_a_long_backlog_nor_what_is_over_is_read_through(
    ann: Account, bob: Account
) -> None:
    fill(ann, 50_000, destination="https://over", many=True, status="succeeded")
    fill(ann, 50_000, destination="https://backlog", many=False)
    fill(ann, 50_000, destination="https://many", many=True)
    (pk,) = create(bob, "a")

    begun = claimed(DeliverySelector(capacity=64, slow_start_capacity=48))

    assert pk in [one.pk for one in begun]
    assert rows_read(ann) <= 200


def rows_read(owner: Account) -> int:
    """By all queries of one selection, when 24 destinations of this account may get an attempt."""
    share = AccountShare(ordinal=0, account=owner.pk, after="", slow_start=24, excluded=["https://backlog"], prompt={})
    asked: list[tuple[str, dict[str, Any]]] = [
        (sql.ACCOUNTS, {"after": 0, "full": [], "refused": [], "limit": 64}),
        (sql.CANDIDATES, {"shares": sql.as_json([share]), "refused": []}),
    ]
    read = [plans.plan_of(statement, parameters, analyze=True) for statement, parameters in asked]
    return sum(map(plans.rows_read, read))
