"""Endpoints and secrets: limited, checked, shown once, changed without losing pending deliveries."""

from datetime import datetime, timedelta

import pytest
from django.db import connection

from conversations import encryption, errors
from conversations.models import Account, Delivery, SigningSecret, WebhookEndpoint
from conversations.services.webhooks import endpoints, secrets
from conversations.services.webhooks.endpoints import EndpointChange
from tests import builders
from tests.builders.factories import AccountFactory
from tests.fakes import database_clock

pytestmark = pytest.mark.django_db


def change(owner: Account, endpoint: WebhookEndpoint, **values: object) -> WebhookEndpoint:
    wanted = EndpointChange(**values)  # type: ignore[arg-type] # checked by what it does
    return endpoints.change(account_id=owner.pk, endpoint_id=endpoint.public_id, change=wanted)


def test_a_secret_is_stored_encrypted(ann: Account) -> None:
    endpoint, secret = builders.webhooks.endpoint(ann)

    with connection.cursor() as cursor:
        cursor.execute("SELECT s::text FROM conversations_signingsecret s")
        (row,) = cursor.fetchone()
    assert secret.startswith("whsec_")
    assert secret not in row
    assert encryption.decrypt(endpoint.secrets.model.objects.get().encrypted) == secret


def test_only_two_secrets_are_ever_in_force(ann: Account) -> None:
    endpoint, first = builders.webhooks.endpoint(ann)
    at = builders.webhooks.now()

    def rotate(when: timedelta) -> str:
        database_clock.stop_at(at + when)
        return endpoints.rotate_secret(account_id=ann.pk, endpoint_id=endpoint.public_id)[1]

    second, third = rotate(timedelta()), rotate(timedelta(hours=1))

    assert len({first, second, third}) == 3
    assert in_force(ann, endpoint, at + timedelta(hours=1)) == [third, second]
    assert in_force(ann, endpoint, at + timedelta(hours=25)) == [third]
    assert SigningSecret.objects.count() == 2


def in_force(owner: Account, endpoint: WebhookEndpoint, at: datetime) -> list[str]:
    database_clock.stop_at(at)
    found = secrets.in_force(endpoint_ids=[endpoint.pk], account_ids=[])
    return [encryption.decrypt(encrypted) for encrypted in found[owner.pk, endpoint.pk]]


def test_a_callback_secret_is_made_once_and_rotates(ann: Account) -> None:
    first = secrets.callback_secret(account_id=ann.pk)
    second = secrets.rotate(account_id=ann.pk, endpoint_id=None)

    assert secrets.callback_secret(account_id=ann.pk) == second != first
    assert secrets.callback_secret(account_id=AccountFactory.create(name="bob").pk) not in (first, second)


@pytest.mark.parametrize("event_types", [[], ["run.finished"], ["run.failed", "run.failed"], ["*", "nothing"]])
def test_event_types_must_be_known(ann: Account, event_types: list[str]) -> None:
    with pytest.raises(errors.InvalidRequest, match="events"):
        builders.webhooks.endpoint(ann, event_types=event_types)

    assert not WebhookEndpoint.objects.exists()


def test_an_account_has_a_bounded_number_of_endpoints(ann: Account) -> None:
    made = [builders.webhooks.endpoint(ann)[0] for _ in range(16)]

    with pytest.raises(errors.QuotaExceeded, match="at most 16"):
        builders.webhooks.endpoint(ann)
    builders.webhooks.endpoint(AccountFactory.create(name="bob"))
    endpoints.delete(account_id=ann.pk, endpoint_id=made[0].public_id)
    builders.webhooks.endpoint(ann)

    assert WebhookEndpoint.objects.for_account(ann).filter(deleted_at=None).count() == 16


def test_pending_deliveries_go_to_a_new_url(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)

    change(ann, WebhookEndpoint.objects.get(), url="http://127.0.0.1:1234/new")

    delivery.refresh_from_db()
    assert (delivery.url, delivery.destination) == ("http://127.0.0.1:1234/new", "http://127.0.0.1:1234")


def test_disabling_cancels_pending_deliveries_and_enabling_begins_anew(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    endpoint = WebhookEndpoint.objects.get()

    disabled = change(ann, endpoint, is_enabled=False)
    builders.webhooks.record(ann)
    enabled = change(ann, endpoint, is_enabled=True)
    builders.webhooks.record(ann)

    assert disabled.disabled_reason == "Disabled by its owner."
    assert (enabled.disabled_at, enabled.disabled_reason, enabled.failing_since) == (None, "", None)
    delivery.refresh_from_db()
    assert delivery.status == "cancelled"
    assert list(Delivery.objects.order_by("pk").values_list("status", flat=True)) == ["cancelled", "pending"]


def test_a_deleted_endpoint_is_found_nowhere_and_leaves_its_evidence(ann: Account) -> None:
    delivery = builders.webhooks.delivery(ann)
    endpoint = WebhookEndpoint.objects.get()

    endpoints.delete(account_id=ann.pk, endpoint_id=endpoint.public_id)

    with pytest.raises(errors.NotFound):
        change(ann, endpoint, description="x")
    delivery.refresh_from_db()
    assert (delivery.status, delivery.endpoint_id) == ("cancelled", endpoint.pk)
    assert not SigningSecret.objects.exists()


def test_another_accounts_endpoint_cannot_be_touched(ann: Account) -> None:
    endpoint, _ = builders.webhooks.endpoint(ann)
    bob = AccountFactory.create(name="bob")

    with pytest.raises(errors.NotFound):
        change(bob, endpoint, is_enabled=False)
    with pytest.raises(errors.NotFound):
        endpoints.delete(account_id=bob.pk, endpoint_id=endpoint.public_id)
    with pytest.raises(errors.NotFound):
        endpoints.rotate_secret(account_id=bob.pk, endpoint_id=endpoint.public_id)

    endpoint.refresh_from_db()
    assert (endpoint.disabled_at, endpoint.deleted_at) == (None, None)
    assert SigningSecret.objects.count() == 1
