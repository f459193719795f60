"""The first start: a key and an admin user are made once, and given ones take effect at every start."""

import pytest
from django.contrib.auth import get_user_model

from conversations.models import Account, ApiKey
from conversations.services.accounts import api_keys, first_start

pytestmark = pytest.mark.django_db

GIVEN = "an-operators-own-key-0123456789"


def test_a_first_start_makes_what_was_not_given_once() -> None:
    first = first_start.prepare(api_key="", admin_password="")
    again = first_start.prepare(api_key="", admin_password="")

    admin = get_user_model().objects.get()
    assert first.api_key is not None
    assert first.admin_password is not None
    assert api_keys.authenticate(secret=first.api_key).account_id == Account.objects.get().pk
    assert admin.check_password(first.admin_password)
    assert (admin.username, admin.is_superuser) == ("admin", True)
    assert again == first_start.FirstStart(api_key=None, admin_password=None)
    assert ApiKey.objects.count() == 1


def test_a_start_puts_what_was_given_in_force_and_shows_nothing() -> None:
    made = first_start.prepare(api_key="", admin_password="").api_key
    assert made is not None

    for _ in range(2):
        shown = first_start.prepare(api_key=GIVEN, admin_password="a new password")

        assert shown == first_start.FirstStart(api_key=None, admin_password=None)
    assert api_keys.authenticate(secret=GIVEN).account_id == api_keys.authenticate(secret=made).account_id
    assert get_user_model().objects.get().check_password("a new password")
    assert ApiKey.objects.count() == 2


def test_a_start_says_that_the_given_key_was_rotated_and_ends(caplog: pytest.LogCaptureFixture) -> None:
    first_start.prepare(api_key=GIVEN, admin_password="")
    assert "given_api_key_expires" not in caplog.text
    successor = api_keys.rotate(api_keys.find(secret=GIVEN))

    first_start.prepare(api_key=GIVEN, admin_password="")

    (record,) = [record for record in caplog.records if "given_api_key_expires" in record.getMessage()]
    assert record.levelname == "WARNING"
    assert api_keys.find(secret=successor).public_id in record.getMessage()
    assert GIVEN not in caplog.text
    assert successor not in caplog.text
