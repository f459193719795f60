"""`manage.py fill --messages N`: a database as a service has it after four weeks, for trying and measuring."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversations.errors import ParleyError
from conversations.management.progress import Progress
from conversations.services.sample_data import fill, proportions
from conversations.services.sample_data.fill import Filling


class Command(BaseCommand):
    help = (
        "Fills the database with conversations, runs, tasks, events and deliveries, as a service has them after "
        f"{proportions.DAYS} days. A service may run meanwhile; nothing is sent anywhere."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--messages", type=int, required=True, help="How many, about.")
        parser.add_argument("--accounts", type=int, default=100, help="How many accounts have them.")
        parser.add_argument(
            "--account",
            default="",
            # argparse formats help texts with %, so the sign of the percentage is doubled.
            help=f"An account that gets {proportions.NAMED_SHARE:.0%}% of all turns; made when new.",
        )
        parser.add_argument(
            "--longest", type=int, default=proportions.LONGEST_MESSAGES, help="Messages of one conversation."
        )
        parser.add_argument("--seed", type=int, default=1, help="The same seed makes the same rows.")
        parser.add_argument("--yes", action="store_true", help="Also beside the runs that are there already.")

    def handle(self, *, yes: bool, account: str, **given: Any) -> None:
        if not yes and fill.has_runs():
            raise CommandError("The database has runs already, and nothing removes what is filled in. If meant: --yes")
        names = ("messages", "accounts", "longest", "seed")
        filling = Filling(named=account, **{name: given[name] for name in names})
        began = time.monotonic()
        progress = Progress(self.stdout, total=filling.messages, unit="messages")
        try:
            written = fill.fill(filling, progress=progress.show)
        except ParleyError as exc:
            raise CommandError(exc.message) from exc
        self.stdout.write(f"{written:,} messages in {time.monotonic() - began:.0f} s")
