"""`manage.py top_up --account NAME --amount 5`: adds to the balance of a metered account."""

from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from conversations.errors import ParleyError
from conversations.management import amounts
from conversations.models import Account
from conversations.queries.money import balances as balance_queries
from conversations.rules.money import cost
from conversations.services.money import balances


class Command(BaseCommand):
    help = "Adds to the balance of a metered account and prints the new balance."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, help="The account's name.")
        parser.add_argument("--amount", required=True, type=amounts.amount, help="How much, in the service's currency.")
        parser.add_argument("--note", default="", help="What the ledger says of it.")
        parser.add_argument(
            "--reference", default="", help="The payment's own id: with it, a top-up that is repeated changes nothing."
        )

    def handle(self, *, account: str, amount: Decimal, note: str = "", reference: str = "", **_options: Any) -> None:
        owner = Account.objects.filter(name=account).first()
        if owner is None:
            raise CommandError(f"There is no account {account}.")
        try:
            balances.top_up(account=owner, amount=amount, note=note, reference=reference)
        except ParleyError as exc:
            raise CommandError(exc.message) from exc
        state = balance_queries.of_account(account_id=owner.pk)
        self.stdout.write(f"{cost.on_wire(state.balance):f} {settings.CURRENCY}")
