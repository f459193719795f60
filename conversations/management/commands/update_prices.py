"""`manage.py update_prices`: brings the price table up to the shipped prices and PRICES_FILE, as every start does."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversations.rules.prices.price_files import PriceFileError
from conversations.services.money import price_updates


class Command(BaseCommand):
    help = "Adds prices that are shipped with this release or said by PRICES_FILE; also done at every start."

    def handle(self, **_options: Any) -> None:
        try:
            changes = price_updates.update()
        except PriceFileError as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(
            f"Prices added: {len(changes.shipped)} shipped, {len(changes.from_file)} of PRICES_FILE. "
            f"Withdrawn: {len(changes.withdrawn)}."
        )
        for vendor, model, kind in changes.replaced:
            self.stdout.write(f"{vendor} {model}: a shipped price of {kind} takes the place of the admin's.")
