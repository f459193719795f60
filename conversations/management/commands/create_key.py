"""`manage.py create_key --account NAME`: makes an API key and prints it. Only its hash is kept."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversations.errors import ParleyError
from conversations.services.accounts import accounts, api_keys


class Command(BaseCommand):
    help = "Makes an API key for an account (made when new) and prints it alone on a line; only its hash is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, help="The account's name.")
        parser.add_argument("--name", default="", help="A note to tell keys apart by.")

    def handle(self, *, account: str, name: str, **_options: Any) -> None:
        try:
            owner = accounts.get_or_create(name=account)
            self.stdout.write(api_keys.create(account=owner, name=name))
        except ParleyError as exc:
            raise CommandError(exc.message) from exc
