"""Prices in the admin: listed and filtered, added, withdrawn, and never changed."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations.models import Price
from tests.builders.factories import AccountFactory, PriceFactory

pytestmark = pytest.mark.django_db

LIST = reverse("admin:conversations_price_changelist")
ADD = reverse("admin:conversations_price_add")
GIVEN = {
    "vendor": "openai",
    "model": "gpt-x",
    "kind": "input",
    "amount": "1.5",
    "tiers": "",
    "valid_from_0": "",
    "valid_from_1": "",
}


def listed(client: Client, **filters: str) -> set[int]:
    return {price.pk for price in client.get(LIST, filters).context["cl"].result_list}


def complaint(client: Client, **given: str) -> str:
    response = client.post(ADD, {**GIVEN, **given})
    assert response.status_code == 200
    return " ".join(str(errors) for errors in response.context["adminform"].form.errors.values())


def test_adds_a_price_from_when_all_processes_know_it(admin_client: Client) -> None:
    response = admin_client.post(ADD, GIVEN)

    price = Price.objects.get()
    assert response.status_code == 302
    assert (price.vendor, price.model, price.kind, price.amount) == ("openai", "gpt-x", "input", Decimal("1.5"))
    assert (price.source, price.currency, price.from_input_tokens) == ("admin", "USD", 0)
    assert price.valid_from <= timezone.now() + timedelta(seconds=5)


def test_adds_tiers_from_a_date_on(admin_client: Client) -> None:
    given = {"tiers": " 272001: 3,500001:4.25 ", "valid_from_0": "2199-01-01", "valid_from_1": "12:00:00"}

    admin_client.post(ADD, {**GIVEN, **given})

    rows = Price.objects.order_by("from_input_tokens")
    assert [(row.from_input_tokens, row.amount) for row in rows] == [
        (0, Decimal("1.5")),
        (272_001, 3),
        (500_001, Decimal("4.25")),
    ]
    assert {f"{row.valid_from:%Y-%m-%d %H:%M}" for row in rows} == {"2199-01-01 12:00"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"vendor": "acme"}, "Select a valid choice"),
        ({"model": "a*b"}, "may have * only at its end"),
        ({"model": "a\x00b"}, "Null characters are not allowed"),
        ({"model": ""}, "This field is required"),
        ({"model": "m" * 201}, "at most 200 characters"),
        ({"kind": "dreams"}, "Select a valid choice"),
        *(({"amount": amount}, words) for amount, words in [
            ("-1", "It must be from 0 to 100,000"), ("100001", "It must be from 0 to 100,000"),
            ("NaN", "Enter a number"), ("Infinity", "Enter a number"), ("1e999999", "Ensure that there are no more"),
            ("0.00000000001", "no more than 10 decimal places"), ("x", "Enter a number"), ("", "required"),
            ("9" * 10_000, "Ensure that there are no more"),
        ]),
        *(({"tiers": tiers}, "Write tokens and price") for tiers in [
            "5", "0: 1", "a: 1", "5: -1", "5: x", "5: 1, 5: 2", "5: NaN", "9999999999: 1", ",", "5: 1e3", "٣: 1",
        ]),
        ({"tiers": "5: 1," * 200}, "at most 500 characters"),
        ({"valid_from_0": "2020-01-01", "valid_from_1": "00:00"}, ""),
        ({"valid_from_0": "0001-01-01", "valid_from_1": "00:00"}, "no such day"),
        ({"valid_from_0": "9999-12-31", "valid_from_1": "23:59"}, "no such day"),
        ({"valid_from_0": "2026-13-45", "valid_from_1": "NaN"}, "Enter a valid date"),
    ],
)  # fmt: skip
def test_refuses_what_is_no_price(admin_client: Client, given: dict[str, str], words: str) -> None:
    if words:
        assert words in complaint(admin_client, **given)
    else:
        shown = admin_client.post(ADD, {**GIVEN, **given}, follow=True).content.decode()
        assert "A price cannot begin in the past: runs may have been paid." in shown

    assert not Price.objects.exists()


def test_a_tier_dearer_than_any_price_is_refused(admin_client: Client) -> None:
    shown = admin_client.post(ADD, {**GIVEN, "tiers": "5: 100001"}, follow=True).content.decode()

    assert "A price must be from 0 to 100,000, not 100001." in shown
    assert not Price.objects.exists()


def test_lists_by_vendor_kind_source_and_validity(admin_client: Client) -> None:
    old, new = PriceFactory.create(model="m"), PriceFactory.create(model="m", valid_from="2026-02-01T00:00Z")
    later = PriceFactory.create(model="m", valid_from=timezone.now() + timedelta(days=1))
    other = PriceFactory.create(vendor="echo", model="*", kind="output", source="admin")

    assert listed(admin_client) == {old.pk, new.pk, later.pk, other.pk}
    assert listed(admin_client, valid="now") == {new.pk, other.pk}
    assert listed(admin_client, valid="later") == {later.pk}
    assert listed(admin_client, of="echo") == {other.pk}
    assert listed(admin_client, kind__exact="output") == {other.pk}
    assert listed(admin_client, source__exact="admin") == {other.pk}
    assert listed(admin_client, q="M") == {old.pk, new.pk, later.pk}
    assert listed(admin_client, q="%") == set()


def test_shows_an_amount_as_people_write_it(admin_client: Client) -> None:
    PriceFactory.create(amount=Decimal("0.0028"))
    PriceFactory.create(amount=Decimal(10))

    shown = admin_client.get(LIST).content.decode()

    assert "0.0028 USD" in shown
    assert "10 USD" in shown
    assert "1E+1" not in shown


def test_withdraws_what_is_not_valid_yet(admin_client: Client) -> None:
    valid, later = PriceFactory.create(), PriceFactory.create(valid_from=timezone.now() + timedelta(days=1))
    chosen = {"action": "withdraw", "index": "0", "_selected_action": [valid.pk, later.pk]}

    shown = admin_client.post(LIST, chosen, follow=True).content.decode()

    assert "Prices withdrawn: 1." in shown
    assert list(Price.objects.all()) == [valid]


def test_who_may_only_look_neither_adds_nor_withdraws(client: Client) -> None:
    later = PriceFactory.create(valid_from=timezone.now() + timedelta(days=1))
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_price"))
    client.force_login(clerk)

    client.post(LIST, {"action": "withdraw", "index": "0", "_selected_action": [later.pk]})

    assert client.get(LIST).status_code == 200
    assert client.post(ADD, GIVEN).status_code == 403
    assert list(Price.objects.all()) == [later]


@pytest.mark.parametrize(
    ("percent", "kept"),
    [("12.5", "12.5"), ("0", "0"), ("1000", "1000"), ("-1", None), ("1000.1", None), ("NaN", None), ("1.23456", None)],
)
def test_an_account_is_given_a_markup(admin_client: Client, percent: str, kept: str | None) -> None:
    account = AccountFactory.create(markup_percent=Decimal(3))
    page = reverse("admin:conversations_account_change", args=[account.pk])
    keys = {"api_keys-TOTAL_FORMS": "0", "api_keys-INITIAL_FORMS": "0"}

    response = admin_client.post(page, {**keys, "markup_percent": percent})

    account.refresh_from_db()
    assert response.status_code == (302 if kept else 200)
    assert account.markup_percent == Decimal(kept or 3)
