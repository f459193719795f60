"""`manage.py verify_webhook`: tells an operator whether a webhook that a customer received was signed here."""

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.models import Account, WebhookEndpoint
from conversations.services.webhooks import secrets


class Command(BaseCommand):
    help = "Says whether a webhook or callback that arrived somewhere was signed here, and with which secret."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("body", type=Path, help="file with the exact bytes of the body")
        owner = parser.add_mutually_exclusive_group(required=True)
        owner.add_argument("--endpoint", help="id of the webhook endpoint, whe_…")
        owner.add_argument("--account", help="name of the account, for a callback")
        for name in ("id", "timestamp", "signature"):
            parser.add_argument(f"--{name}", required=True, help=f"the header webhook-{name}")

    def handle(self, *args: Any, **options: Any) -> None:
        account_id, endpoint_id = self._owner(options["endpoint"], options["account"])
        headers = {f"webhook-{name}": options[name] for name in ("id", "timestamp", "signature")}
        try:
            body = options["body"].read_bytes()
            signer = secrets.signer(account_id=account_id, endpoint_id=endpoint_id, headers=headers, body=body)
        except (OSError, ValueError) as exc:
            raise CommandError(str(exc)) from exc
        if signer is None:
            raise CommandError("Not signed with a secret that is in force here.")
        # The timestamp is of a sending process's clock, not of the database's.
        self.stdout.write(f"Signed with the {signer} secret, {time.time() - int(options['timestamp']):.0f} s ago.")

    def _owner(self, endpoint: str | None, account: str | None) -> tuple[int, int | None]:
        """The primary keys of the account and, unless it was a callback, of the endpoint."""
        if endpoint:
            found = WebhookEndpoint.objects.filter(public_id=endpoint).first()
            if found is not None:
                return found.account_id, found.pk
        elif (owner := Account.objects.filter(name=account).first()) is not None:
            return owner.pk, None
        raise CommandError("There is no such endpoint or account.")
