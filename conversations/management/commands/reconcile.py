"""`manage.py reconcile`: compares ledger, balances and active runs now, as is done every night."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversations.services.money import reconcile


class Command(BaseCommand):
    help = "Compares ledger, balances and active runs; differences are in the admin and the log."

    def handle(self, **_options: Any) -> None:
        differences = reconcile.reconcile()
        if differences:
            raise CommandError(f"{differences} differences: see the log, or the admin.")
        self.stdout.write("No differences.")
