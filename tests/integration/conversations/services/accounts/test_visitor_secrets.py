"""Visitor secrets: encrypted, at most two in force, and none of an account that was erased."""

from datetime import timedelta

import pytest
from django.db import connection

from conversations import encryption, errors
from conversations.models import Account, VisitorSecret
from conversations.services.accounts import visitor_secrets
from tests import builders
from tests.builders.factories import AccountFactory
from tests.fakes import database_clock

pytestmark = pytest.mark.django_db


def in_force(account: Account) -> list[str]:
    own = visitor_secrets.in_force(VisitorSecret.objects.for_account(account))
    return [encryption.decrypt(row.encrypted) for row in own]


def test_it_is_made_once_and_stored_encrypted(ann: Account) -> None:
    secret = visitor_secrets.current(account_id=ann.pk)

    with connection.cursor() as cursor:
        cursor.execute("SELECT s::text FROM conversations_visitorsecret s")
        (row,) = cursor.fetchone()
    assert secret.startswith("vsec_")
    assert len(secret) >= 40
    assert secret not in row
    assert visitor_secrets.current(account_id=ann.pk) == secret
    assert visitor_secrets.current(account_id=AccountFactory.create(name="bob").pk) != secret
    assert VisitorSecret.objects.count() == 2


def test_a_rotated_one_is_in_force_for_a_day(ann: Account) -> None:
    at = builders.webhooks.now()
    database_clock.stop_at(at)
    first, second = visitor_secrets.current(account_id=ann.pk), visitor_secrets.rotate(account_id=ann.pk)

    assert visitor_secrets.current(account_id=ann.pk) == second != first
    assert in_force(ann) == [second, first]
    assert visitor_secrets.previous_until(account_id=ann.pk) == at + timedelta(days=1)
    database_clock.stop_at(at + timedelta(days=1))
    assert in_force(ann) == [second]
    assert visitor_secrets.previous_until(account_id=ann.pk) is None


def test_only_two_are_ever_in_force(ann: Account) -> None:
    visitor_secrets.current(account_id=ann.pk)
    second, third = (visitor_secrets.rotate(account_id=ann.pk) for _ in range(2))

    assert in_force(ann) == [third, second]
    assert VisitorSecret.objects.count() == 2


def test_one_that_is_replaced_is_gone_at_once(ann: Account) -> None:
    visitor_secrets.current(account_id=ann.pk)
    visitor_secrets.rotate(account_id=ann.pk)

    newest = visitor_secrets.rotate(account_id=ann.pk, overlap=timedelta())

    assert in_force(ann) == [newest]
    assert VisitorSecret.objects.count() == 1


def test_the_first_one_may_be_made_by_rotating(ann: Account) -> None:
    secret = visitor_secrets.rotate(account_id=ann.pk)

    assert in_force(ann) == [secret]


def test_one_of_another_secret_key_is_refused_until_it_is_rotated(ann: Account) -> None:
    VisitorSecret.objects.create(account=ann, encrypted="of another key")

    with pytest.raises(errors.InvalidRequest, match="rotate it"):
        visitor_secrets.current(account_id=ann.pk)
    rotated = visitor_secrets.rotate(account_id=ann.pk)
    assert visitor_secrets.current(account_id=ann.pk) == rotated


def test_none_is_made_for_an_account_that_was_erased(ann: Account) -> None:
    Account.objects.filter(pk=ann.pk).update(erased_at=builders.webhooks.now(), is_active=False)

    with pytest.raises(errors.InvalidRequest):
        visitor_secrets.current(account_id=ann.pk)
    with pytest.raises(errors.InvalidRequest):
        visitor_secrets.rotate(account_id=ann.pk)
    assert not VisitorSecret.objects.exists()
