"""What is begun next: which account's turn it is, which receiver's, and what finding that out reads."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection

from conversations.models import Account, Delivery
from conversations.services.webhooks import attempts, sql
from conversations.services.webhooks.attempts import ClaimedDelivery
from conversations.services.webhooks.choice import DeliveryChoice
from tests.factories.webhooks import DeliveryFactory, EventFactory, WebhookEndpointFactory
from tests.integration.conversations import making

pytestmark = pytest.mark.django_db

FILL = """
SET LOCAL session_replication_role = replica;
INSERT INTO conversations_delivery
  (account_id, public_id, kind, endpoint_id, event_id, url, receiver, status, finished_at, next_attempt_at, is_due)
SELECT %(account)s, 'dlv_' || %(mark)s || i, 'endpoint', %(endpoint)s, %(event)s, 'https://a.example/',
       %(receiver)s || CASE WHEN %(many)s THEN i::text ELSE '' END, %(status)s,
       CASE WHEN %(status)s <> 'pending' THEN now() END, now() + %(wait)s * interval '1 second', %(wait)s <= 0
FROM generate_series(1, %(rows)s) i;
ANALYZE conversations_delivery;
"""


@pytest.fixture
def ann() -> Account:
    return making.account("ann")


@pytest.fixture
def bob() -> Account:
    return making.account("bob")


def owe(owner: Account, receiver: str, count: int = 1) -> list[int]:
    endpoint = WebhookEndpointFactory.create(account=owner)
    event = EventFactory.create(account=owner)
    made = DeliveryFactory.create_batch(count, account=owner, endpoint=endpoint, event=event, receiver=receiver)
    return [delivery.pk for delivery in made]


def fill(owner: Account, rows: int, *, receiver: str, many: bool, wait: float = 0, status: str = "pending") -> None:
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
                "receiver": receiver,
                "many": many,
                "wait": wait,
                "status": status,
                "rows": rows,
            },
        )


def claimed(choice: DeliveryChoice, under_way: Sequence[ClaimedDelivery] = ()) -> list[ClaimedDelivery]:
    begun, refused = attempts.claim(pks=choice.choose(under_way))
    assert refused == []
    return begun


def receivers(begun: Sequence[ClaimedDelivery]) -> list[str]:
    return sorted(one.receiver for one in begun)


def test_an_unproven_receiver_gets_one_and_a_prompt_one_four(ann: Account) -> None:
    choice = DeliveryChoice(places=64, unproven_places=48)
    for receiver in ("a", "b"):
        owe(ann, receiver, 9)

    first = claimed(choice)
    for delivery in first:
        choice.note_pace(delivery, is_prompt=delivery.receiver == "b")
    second = claimed(choice, [one for one in first if one.receiver == "b"])

    assert receivers(first) == ["a", "b"]
    assert receivers(second) == ["a", "b", "b", "b"]


def test_the_longest_due_of_a_receiver_goes_first(ann: Account) -> None:
    late, early = owe(ann, "a", 2)
    Delivery.objects.filter(pk=early).update(next_attempt_at="2020-01-01T00:00:00Z")

    assert [one.pk for one in claimed(DeliveryChoice(places=64, unproven_places=48))] == [early]
    assert Delivery.objects.get(pk=late).attempts == 0


def test_an_account_gets_half_alone_and_others_what_is_left(ann: Account, bob: Account) -> None:
    choice = DeliveryChoice(places=64, unproven_places=48)
    fill(ann, 600, receiver="https://hangs", many=True)
    of_ann = claimed(choice)
    fill(bob, 600, receiver="https://hangs", many=True)

    of_bob = claimed(choice, of_ann)

    assert {one.account_id for one in of_ann} == {ann.pk}
    assert {one.account_id for one in of_bob} == {bob.pk}
    assert (len(of_ann), len(of_bob)) == (24, 12)
    assert claimed(choice, [*of_ann, *of_bob]) == []


def test_no_receiver_of_an_account_waits_for_ever_behind_its_others(ann: Account) -> None:
    """With one place at a time, each of them comes in its turn, although every one has more waiting."""
    choice = DeliveryChoice(places=2, unproven_places=2)
    for receiver in "edcba":
        owe(ann, receiver, 3)

    begun = [receivers(claimed(choice)) for _ in range(10)]

    assert begun == [[receiver] for receiver in "abcdeabcde"]


def test_no_account_waits_for_ever_behind_many_others() -> None:
    choice = DeliveryChoice(places=2, unproven_places=2)
    owners = [making.account(f"owner {number}") for number in range(5)]
    for owner in owners:
        owe(owner, "a", 3)

    begun = [{one.account_id for one in claimed(choice)} for _ in range(5)]

    # Two at a time, round and round.
    first, second, third, fourth, fifth = (owner.pk for owner in owners)
    assert begun == [{first, second}, {third, fourth}, {fifth, first}, {second, third}, {fourth, fifth}]


def test_what_is_slow_for_one_account_stays_prompt_for_another(ann: Account, bob: Account) -> None:
    choice = DeliveryChoice(places=64, unproven_places=48)
    for owner in (ann, bob):
        owe(owner, "https://shared", 9)
    first = claimed(choice)
    for delivery in first:
        choice.note_pace(delivery, is_prompt=delivery.account_id == bob.pk)

    second = claimed(choice)

    assert sorted(one.account_id for one in second) == [ann.pk, *[bob.pk] * 4]


def test_what_waits_for_a_retry_is_not_looked_at(ann: Account, bob: Account) -> None:
    fill(ann, 50_000, receiver="https://h", many=True, wait=3600)
    (pk,) = owe(bob, "a")

    assert [one.pk for one in claimed(DeliveryChoice(places=64, unproven_places=48))] == [pk]
    assert rows_read(ann) <= 10


def test_neither_many_receivers_nor_a_long_backlog_nor_what_is_over_is_read_through(ann: Account, bob: Account) -> None:
    fill(ann, 50_000, receiver="https://over", many=True, status="succeeded")
    fill(ann, 50_000, receiver="https://backlog", many=False)
    fill(ann, 50_000, receiver="https://many", many=True)
    (pk,) = owe(bob, "a")

    begun = claimed(DeliveryChoice(places=64, unproven_places=48))

    assert pk in [one.pk for one in begun]
    assert rows_read(ann) <= 200


def rows_read(owner: Account) -> int:
    """By all that a choice asks, when there is room for 24 receivers of this account."""
    line = {"place": 0, "account": owner.pk, "after": "", "room": 24, "passed_by": ["https://backlog"], "proven": {}}
    asked: list[tuple[str, dict[str, Any]]] = [
        (sql.ACCOUNTS, {"after": 0, "full": [], "refused": [], "limit": 64}),
        (sql.CANDIDATES, {"lines": sql.as_json([line]), "refused": []}),
    ]
    with connection.cursor() as cursor:
        read = 0
        for statement, parameters in asked:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            read += scanned(cursor.fetchone()[0][0]["Plan"])
        return read


def scanned(node: dict[str, Any]) -> int:
    taken = 0
    if "Relation Name" in node:
        taken = int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
    return taken + sum(scanned(child) for child in node.get("Plans", []))
