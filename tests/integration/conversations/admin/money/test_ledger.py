"""Balances and the ledger in the admin: read, and changed by entries alone."""

import re
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from conversations.models import Account, LedgerDifference, LedgerEntry
from conversations.services.runs import finish
from tests import builders
from tests.builders.factories import AccountFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

BALANCES = reverse("admin:conversations_balance_changelist")
LEDGER = reverse("admin:conversations_ledgerentry_changelist")
DIFFERENCES = reverse("admin:conversations_ledgerdifference_changelist")
LIST_QUERIES_MAX = 8
ADD = reverse("admin:conversations_ledgerentry_add")


def enter(client: Client, account: Account, kind: str, amount: str = "", **given: str) -> list[str]:
    """What the page says of it. A form that was refused is shown again, as it was filled in."""
    response = client.post(ADD, {"account": str(account.pk), "what": kind, "amount": amount, **given})
    if response.status_code == 200:
        form = response.context["adminform"].form
        assert given == {name: form[name].value() for name in given}
        return list(form.non_field_errors())
    assert response.status_code == 302
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.fixture
def ann() -> Account:
    return AccountFactory.create(name="ann")


def test_opens_tops_up_and_adjusts(admin_client: Client, ann: Account) -> None:
    enter(admin_client, ann, "open", "5")
    enter(admin_client, ann, "top_up", "2.5", note="paid by card")
    enter(admin_client, ann, "adjust", "-1")

    assert builders.money.state(ann) == ("6.5", "0", None)
    entries = LedgerEntry.objects.order_by("pk").values_list("kind", "amount", "note")
    assert list(entries) == [("top_up", 5, ""), ("top_up", Decimal("2.5"), "paid by card"), ("adjust", -1, "")]


def test_refunds_a_run(admin_client: Client, ann: Account) -> None:
    builders.money.price(call="0.5")
    builders.money.meter(ann, "2")
    run = builders.runs.start(ann, model="echo")
    finish.finish(run=builders.runs.claim(run), report=builders.runs.report(bill=builders.money.bill("0.5")))

    assert "no such run" in enter(admin_client, ann, "refund", "0.5", run_id="run_of_nobody")[0]
    enter(admin_client, ann, "refund", "0.5", run_id=run.public_id)

    assert builders.money.state(ann) == ("2", "0", None)


def test_says_why_an_entry_is_refused(admin_client: Client, ann: Account) -> None:
    assert enter(admin_client, ann, "top_up", "5") == [
        "The account ann has no balance in USD: open one in the admin's ledger."
    ]

    assert not LedgerEntry.objects.exists()


def test_pages_show_what_there_is(admin_client: Client, ann: Account) -> None:
    builders.money.price(call="0.5")
    builders.money.meter(ann, "2", calls=3)
    run = builders.runs.start(ann, model="echo")
    finish.finish(run=builders.runs.claim(run), report=builders.runs.report(bill=builders.money.bill("0.3")))
    LedgerDifference.objects.create(account=ann, what="amount", expected=1, found=2)
    settled = LedgerEntry.objects.get(kind="settle")

    balances = admin_client.get(BALANCES).content.decode()
    ledger = admin_client.get(LEDGER).content.decode()
    differences = admin_client.get(DIFFERENCES).content.decode()
    entry = admin_client.get(reverse("admin:conversations_ledgerentry_change", args=[settled.pk]))

    assert "1.7 USD" in balances
    assert "-0.3 USD" in ledger
    assert "ledger and balance: amount" in differences
    assert run.public_id in entry.content.decode()


def test_entries_are_not_edited(admin_client: Client, ann: Account) -> None:
    builders.money.meter(ann, "2")
    entry = LedgerEntry.objects.get()

    response = admin_client.post(reverse("admin:conversations_ledgerentry_change", args=[entry.pk]), {"amount": "9"})

    assert response.status_code == 403
    assert builders.money.ledger_sum(ann) == ("2", "0", 0)


def test_lists_are_read_with_a_bounded_number_of_queries(
    admin_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    builders.money.price(call="0.5")
    for number in range(12):
        account = AccountFactory.create(name=f"account {number}")
        builders.money.meter(account, "2")
        builders.runs.start(account, model="echo")
        LedgerDifference.objects.create(account=account, what="amount", expected=1, found=2)

    for url in (LEDGER, f"{LEDGER}?kind=reserve", BALANCES, DIFFERENCES):
        with django_assert_max_num_queries(LIST_QUERIES_MAX):
            page = admin_client.get(url).content.decode()
        assert "account 11" in page


def test_an_entry_leads_to_its_run_and_the_run_and_the_account_to_the_ledger(
    admin_client: Client, ann: Account
) -> None:
    builders.money.price(call="0.5")
    builders.money.meter(ann, "2", calls=3)
    run = builders.runs.start(ann, model="echo")
    finish.finish(run=builders.runs.claim(run), report=builders.runs.report(bill=builders.money.bill("0.3")))
    settled = LedgerEntry.objects.get(kind="settle")
    run_page, entry_page = (
        reverse(f"admin:conversations_{name}_change", args=[pk])
        for name, pk in (("run", run.pk), ("ledgerentry", settled.pk))
    )

    ledger = admin_client.get(LEDGER).content.decode()
    of_run = admin_client.get(run_page).content.decode()
    of_account = admin_client.get(reverse("admin:conversations_account_change", args=[ann.pk])).content.decode()
    its_entries = admin_client.get(LEDGER, {"account__id__exact": ann.pk}).content.decode()

    assert f'href="{run_page}">…{run.public_id[-8:]}</a>' in ledger
    assert f'href="{entry_page}">0.3 USD</a>' in of_run
    assert ">1.7 USD available, 2 calls left</a>" in of_account
    assert f'href="{LEDGER}?account__id__exact={ann.pk}"' in of_account
    assert entry_page in its_entries


def test_a_difference_says_by_how_much_and_of_which_run(admin_client: Client, ann: Account) -> None:
    run = builders.runs.start(ann, model="echo")
    difference = LedgerDifference.objects.create(
        account=ann, what="left_over", run_key=run.pk, expected=Decimal("1.5"), found=Decimal("2.25")
    )
    page = reverse("admin:conversations_ledgerdifference_change", args=[difference.pk])

    shown = [admin_client.get(url).content.decode() for url in (DIFFERENCES, page)]

    run_page = reverse("admin:conversations_run_change", args=[run.pk])
    assert all(f'href="{run_page}">{run.public_id}</a>' in text and "0.75" in text for text in shown)
    assert f'href="{LEDGER}?account__id__exact={ann.pk}"' in shown[1]


def test_an_entry_of_a_deleted_run_shows_its_number(admin_client: Client, ann: Account) -> None:
    builders.money.meter(ann, "2")
    entry = LedgerEntry.objects.create(account=ann, kind="settle", run_id=987654321, amount=-1)

    pages = [LEDGER, reverse("admin:conversations_ledgerentry_change", args=[entry.pk])]

    assert ["987654321" in admin_client.get(page).content.decode() for page in pages] == [True, True]


@pytest.mark.parametrize("run_id", ["987654321", "%00", "', '"])
def test_what_is_refused_is_shown_as_it_was_filled_in(admin_client: Client, ann: Account, run_id: str) -> None:
    builders.money.meter(ann, "2")

    assert enter(admin_client, ann, "refund", "1", run_id=run_id, note="sorry") == ["The account has no such run."]

    assert builders.money.state(ann) == ("2", "0", None)


def test_closes_a_balance_and_sets_calls(admin_client: Client, ann: Account) -> None:
    builders.money.meter(ann, "2")

    enter(admin_client, ann, "close", note="a gift")
    enter(admin_client, ann, "calls", calls="7")

    assert builders.money.state(ann) == (None, "0", 7)
    enter(admin_client, ann, "calls")
    assert builders.money.state(ann) == (None, "0", None)
    assert builders.money.ledger_sum(ann) == ("0", "0", 0)


def test_a_form_that_is_sent_twice_is_entered_once(admin_client: Client, ann: Account) -> None:
    builders.money.meter(ann, "2")
    page = admin_client.get(ADD).content.decode()
    [reference] = re.findall(r'name="reference" value="(form [0-9a-f]{16})"', page)

    enter(admin_client, ann, "top_up", "5", reference=reference)
    given = {"account": str(ann.pk), "what": "top_up", "amount": "5", "reference": reference}
    again = admin_client.post(ADD, given)

    assert "has been entered already: nothing is changed" in again.content.decode()
    assert builders.money.state(ann) == ("7", "0", None)


@pytest.mark.parametrize(
    "amount",
    [
        *("", "NaN", "Infinity", "1e400", "1e3", "1_000", "\u0665", "+5", "5,00", "0x5", "5\x00", "5" * 41),
        *("-5", "-0", "0", "9999999999.99999999999", "99999999999", "1." + "0" * 11 + "1"),
    ],
)
def test_what_is_no_amount_is_not_entered(admin_client: Client, ann: Account, amount: str) -> None:
    builders.money.meter(ann, "2")

    response = admin_client.post(ADD, {"account": str(ann.pk), "what": "top_up", "amount": amount})

    assert response.status_code in (200, 302)
    assert builders.money.state(ann) == ("2", "0", None)
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize("calls", ["-1", "1.5", "9" * 30, "NaN", "\x00"])
def test_what_is_no_number_of_calls_is_not_entered(admin_client: Client, ann: Account, calls: str) -> None:
    builders.money.meter(ann, "2")

    response = admin_client.post(ADD, {"account": str(ann.pk), "what": "calls", "calls": calls})

    assert response.status_code == 200
    assert builders.money.state(ann) == ("2", "0", None)


def test_who_may_only_look_enters_nothing(client: Client, ann: Account) -> None:
    builders.money.meter(ann, "2")
    reviewer = User.objects.create_user("reviewer", is_staff=True)
    reviewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(reviewer)

    assert client.get(LEDGER).status_code == 200
    given = {"account": str(ann.pk), "what": "top_up", "amount": "5"}
    assert client.post(ADD, given).status_code == 403

    assert builders.money.state(ann) == ("2", "0", None)
