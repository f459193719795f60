"""Deleted endpoints: however many an account has had, they cost its events nothing, and in the end they go."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.db.models.functions import Now

from conversations.models import Account, ApiKey, Delivery, Erasure, SigningSecret, WebhookEndpoint
from conversations.models.webhooks.endpoints import has_endpoint
from conversations.queries.webhooks import endpoints as endpoint_queries
from conversations.services.erasures import accounts
from conversations.services.webhooks import deliveries, endpoints
from conversations.webhooks.payloads import EventType
from conversations.workers import retention
from tests import builders, plans
from tests.builders.factories import AccountFactory, WebhookEndpointFactory
from tests.fakes import database_clock

pytestmark = pytest.mark.django_db

DELETED = 20_000
FILL = """
INSERT INTO conversations_webhookendpoint (account_id, public_id, url, events, deleted_at)
SELECT %(account)s, 'whe_' || i, 'https://a.example/', '["*"]', now() FROM generate_series(1, %(count)s) i
"""
DAY = timedelta(days=1)


@pytest.fixture
def restless(ann: Account) -> Account:
    """Has deleted many endpoints, and has one."""
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"account": ann.pk, "count": DELETED})
        WebhookEndpointFactory.create(account=ann)
        cursor.execute("ANALYZE conversations_webhookendpoint")
        # PostgreSQL keeps the plans by which it checks references, as they were for small tables: each would read all.
        cursor.execute("DISCARD PLANS")
    return ann


def test_what_looks_for_endpoints_reads_no_deleted_ones(restless: Account) -> None:
    of_event = {"account_id": restless.pk, "event_type": EventType.RUN_COMPLETED.value, "all": "*"}
    own = endpoint_queries.of_account(account_id=restless.pk)
    builders.runs.caller(restless)
    key = ApiKey.objects.annotate(found=has_endpoint()).filter(account=restless)
    asked = [
        *plans.queries_of(partial(list, own)),
        *plans.queries_of(own.count),
        *plans.queries_of(lambda: accounts.stop(Erasure(account_id=restless.pk))),
    ]

    read = {sql: plans.rows_read(plans.plan_of(sql, analyze=True)) for sql in asked if sql.startswith("SELECT")}
    read[deliveries.SUBSCRIBED] = plans.rows_read(plans.plan_of(deliveries.SUBSCRIBED, of_event, analyze=True))
    read["has_endpoint"] = plans.rows_read(plans.plan_of(key, analyze=True))

    assert len(read) > 5
    assert {sql: rows for sql, rows in read.items() if rows > 5} == {}


def pass_days(days: float) -> None:
    database_clock.stop_at(builders.webhooks.now() + days * DAY)
    assert retention.delete_old(seconds=60)


def remaining() -> list[str]:
    return list(WebhookEndpoint.objects.order_by("pk").values_list("public_id", flat=True))


def test_they_go_with_their_deliveries_and_one_stays_to_say_that_events_are_kept(ann: Account) -> None:
    first, deleted, used, kept = [builders.webhooks.endpoint(ann)[0] for _ in range(4)]
    builders.webhooks.record(ann)
    Delivery.objects.exclude(endpoint=used).delete()
    for gone in (first, deleted, used):
        endpoints.delete(account_id=ann.pk, endpoint_id=gone.public_id)
    Delivery.objects.update(created_at=Now() + 10 * DAY)

    pass_days(89)
    assert remaining() == [first.public_id, deleted.public_id, used.public_id, kept.public_id]
    pass_days(91)
    assert remaining() == [first.public_id, used.public_id, kept.public_id]
    pass_days(101)
    assert remaining() == [first.public_id, kept.public_id]
    assert SigningSecret.objects.count() == 1


def test_an_account_without_any_left_keeps_its_events(ann: Account) -> None:
    bob = AccountFactory.create(name="bob")
    for owner in (ann, ann, bob):
        made, _ = builders.webhooks.endpoint(owner)
        endpoints.delete(account_id=owner.pk, endpoint_id=made.public_id)

    pass_days(91)

    assert sorted(WebhookEndpoint.objects.values_list("account__name", flat=True)) == ["ann", "bob"]


def test_an_erased_accounts_go_in_batches(restless: Account) -> None:
    endpoints.rotate_secret(account_id=restless.pk, endpoint_id=builders.webhooks.endpoint(restless)[0].public_id)
    erasure = builders.erasures.erase_account(restless)

    assert builders.erasures.batches(erasure) > DELETED / 1_000

    assert not WebhookEndpoint.objects.exists()
    assert (erasure.erased["webhookendpoint"], Account.objects.count()) == (DELETED + 2, 1)
