"""`manage.py create_key --account NAME`: makes an API key and prints it. Only its hash is kept."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from conversations.errors import ParleyError
from conversations.management import amounts
from conversations.models import Account
from conversations.rules import key_rights
from conversations.services.accounts import accounts, api_keys
from conversations.services.accounts.key_options import MOST, KeyOptions
from conversations.services.money import balances

ANY = "; 0 is any number. Without it the account's holds, else the setting's."


class Command(BaseCommand):
    help = "Makes an API key for an account (made when new) and prints it alone on a line; only its hash is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, help="The account's name.")
        parser.add_argument("--name", default="", help="A note to tell keys apart by.")
        parser.add_argument(
            "--operator", action="store_true", help="It may also look at what concerns all accounts: /api/v1/upstreams."
        )
        parser.add_argument(
            "--scope",
            action="append",
            dest="scopes",
            default=[],
            metavar="SCOPE",
            help=f"What it may be used for, once for each: {', '.join(key_rights.SCOPES)}. Without any: every family.",
        )
        parser.add_argument(
            "--model",
            action="append",
            dest="models",
            default=[],
            metavar="PATTERN",
            help="A model it may ask, once for each; * is any characters. Without any: every model.",
        )
        parser.add_argument("--expires", type=_moment, help="From when it is refused: ISO 8601, UTC unless it says so.")
        parser.add_argument("--requests-per-minute", type=int, help=f"Questions it may ask{ANY}")
        parser.add_argument("--tokens-per-minute", type=int, help=f"Tokens it may use{ANY}")
        parser.add_argument(
            "--concurrency", type=int, dest="concurrent_runs", help=f"Questions that may wait or be in progress{ANY}"
        )

        parser.add_argument(
            "--balance", type=amounts.amount, help="Meters the account, which must be new: what it begins with."
        )
        parser.add_argument("--calls", type=int, help="How many calls the account has left from now on.")

    def handle(
        self,
        *,
        account: str,
        balance: Decimal | None = None,
        calls: int | None = None,
        operator: bool = False,
        **options: Any,
    ) -> None:
        chosen = KeyOptions(
            name=options.get("name", ""),
            scopes=options.get("scopes", ()),
            model_patterns=options.get("models", ()),
            expires_at=options.get("expires"),
            **{limit: options.get(limit) for limit in MOST},
        )
        try:
            with transaction.atomic():
                owner = _account(account, balance)
                if calls is not None:
                    balances.set_calls(account=owner, calls=calls)
                secret = api_keys.create(account=owner, options=chosen, is_operator=operator)
        except ParleyError as exc:
            raise CommandError(exc.message) from exc
        self.stdout.write(secret)


def _account(name: str, balance: Decimal | None) -> Account:
    """Raises InvalidRequest."""
    if balance is None:
        return accounts.get_or_create(name=name)
    return accounts.open_metered(name=name, amount=balance)


def _moment(text: str) -> datetime:
    """In UTC, where a moment of the first or last year may not exist. Raises ArgumentTypeError."""
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise ArgumentTypeError(f"{text!r} is no moment such as 2027-01-31 or 2027-01-31T12:00:00Z") from exc
