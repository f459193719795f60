"""`manage.py top_up`."""

import io

import pytest
from django.core.management import CommandError, call_command

from conversations.models import Account, LedgerEntry
from tests import builders

pytestmark = pytest.mark.django_db


def top_up(*arguments: str) -> str:
    out = io.StringIO()
    call_command("top_up", "--account=ann", *arguments, stdout=out)
    return out.getvalue()


def test_prints_the_new_balance(ann: Account) -> None:
    builders.money.meter(ann, "1")

    assert top_up("--amount=2.50") == "3.5 USD\n"


def test_with_a_reference_it_may_be_repeated(ann: Account) -> None:
    builders.money.meter(ann, "1")
    top_up("--amount=2", "--reference=payment 1")

    with pytest.raises(CommandError, match="payment 1 has been entered already: nothing is changed"):
        top_up("--amount=2", "--reference=payment 1")

    assert builders.money.state(ann) == ("3", "0", None)


@pytest.mark.parametrize(
    "amount", ["NaN", "Infinity", "1e400", "1_000", "\u0665", "-0", "-5", "0", "1" * 20, "0.00000000001"]
)
def test_what_is_no_amount_is_refused(ann: Account, amount: str) -> None:
    builders.money.meter(ann, "1")

    with pytest.raises(CommandError):
        top_up(f"--amount={amount}")

    assert LedgerEntry.objects.count() == 1


def test_an_unknown_account_is_named() -> None:
    with pytest.raises(CommandError, match="There is no account ann"):
        top_up("--amount=5")
