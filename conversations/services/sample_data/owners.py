"""The accounts, each with a key, presets and perhaps webhook endpoints. Those of an earlier `fill` are used again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from conversations import encryption
from conversations.models import (
    Account,
    ApiKey,
    AssistantVersion,
    Balance,
    Preset,
    SigningSecret,
    Visitor,
    WebhookEndpoint,
)
from conversations.rules import api_keys
from conversations.services.accounts import accounts
from conversations.services.sample_data import money, proportions
from conversations.services.sample_data.copying import copy_rows, ids_of, timed
from conversations.services.sample_data.texts import dumps
from conversations.services.webhooks import endpoints, secrets
from conversations.webhooks import destinations, signing

NAME = "filled {:04d}"
PRESETS = ("translator", "support", "summary")
PRESET_VERSIONS = 3
# The top-level domain that never resolves (RFC 2606): nothing is ever sent.
URL = "https://hooks-{}.invalid/in"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`disabled_at`: what came later was not sent to it."""

    pk: int
    url: str
    destination: str
    disabled_at: datetime | None


@dataclass(slots=True)
class Owner:
    """An account as far as its turns need it.

    `presets` are ids and texts of the newest versions, `tools` public ids and names, `contents` keys of the newest.
    """

    pk: int
    api_key_id: int | None
    is_metered: bool = False
    presets: list[tuple[int, str]] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)
    tools: list[tuple[str, str]] = field(default_factory=list)
    contents: list[int] = field(default_factory=list)
    assistants: list[AssistantVersion] = field(default_factory=list)
    visitors: list[Visitor] = field(default_factory=list)


def prepare(*, number: int, named: str, random: Random, begin: datetime, now: datetime) -> list[Owner]:
    """`number` accounts, the named one first, if any. All that is new was made at `begin`.

    Raises InvalidRequest for a name that no account can have.
    """
    first = [accounts.get_or_create(name=named)] if named else []
    names = [NAME.format(rank) for rank in range(1, number - len(first) + 1)]
    _make_missing(names, random=random, begin=begin, now=now)
    rest = Account.objects.in_bulk(names, field_name="name")
    chosen = [*first, *(rest[name] for name in names)]
    for account in chosen:
        secrets.callback_secret(account_id=account.pk)
    return [_owner(account) for account in chosen]


def _owner(account: Account) -> Owner:
    keys = ApiKey.objects.for_account(account).filter(revoked_at=None).order_by("pk")
    newest = Preset.objects.for_account(account).order_by("name", "-version").distinct("name")
    return Owner(
        pk=account.pk,
        api_key_id=keys.values_list("pk", flat=True).first(),
        is_metered=Balance.objects.for_account(account).filter(amount__isnull=False).exists(),
        presets=list(newest.values_list("pk", "text")),
        endpoints=[
            Endpoint(row.pk, row.url, destinations.from_url(row.url), row.disabled_at)
            for row in WebhookEndpoint.objects.for_account(account).filter(deleted_at=None).order_by("pk")
        ],
    )


def _make_missing(names: list[str], *, random: Random, begin: datetime, now: datetime) -> None:
    existing = set(Account.objects.filter(name__in=names).values_list("name", flat=True))
    made = {
        rank: {"id": pk, "public_id": timed("acc", begin, random), "name": name, "created_at": begin}
        for rank, (name, pk) in enumerate(zip(names, ids_of(Account), strict=False), start=1)
        if name not in existing
    }
    copy_rows(Account, list(made.values()))
    copy_rows(ApiKey, [_key(row, begin) for row in made.values()])
    money.open_balances([row for rank, row in made.items() if proportions.is_metered(rank)], at=begin)
    copy_rows(Preset, [preset for row in made.values() for preset in _presets(row, begin)])
    # The last one comes late and has events: who reads them must not have to read everybody's.
    with_endpoints = [row for rank, row in made.items() if proportions.has_endpoints(rank) or rank == len(names)]
    ids = ids_of(WebhookEndpoint)
    hooks = [hook for row in with_endpoints for hook in _endpoints(row, ids, random=random, begin=begin, now=now)]
    copy_rows(WebhookEndpoint, hooks)
    copy_rows(SigningSecret, [_secret(hook, begin) for hook in hooks])


def _key(account: dict[str, Any], begin: datetime) -> dict[str, Any]:
    """Nobody knows the secret; `manage.py create_key` makes a key for who wants to ask as the account."""
    secret = api_keys.new_key()
    return {
        "account_id": account["id"],
        "name": "fill",
        "prefix": api_keys.prefix(secret),
        "key_hash": api_keys.hash_key(secret),
        "created_at": begin,
    }


def _presets(account: dict[str, Any], begin: datetime) -> Iterator[dict[str, Any]]:
    for name in PRESETS:
        for version in range(1, PRESET_VERSIONS + 1):
            yield {
                "account_id": account["id"],
                "name": name,
                "version": version,
                "text": f"You are the {name} of {account['name']}, version {version}. Be brief and exact.",
                "model": "",
                "parameters": dumps({"temperature": 0.2}),
                "created_at": begin,
            }


def _endpoints(
    account: dict[str, Any], ids: Iterator[int], *, random: Random, begin: datetime, now: datetime
) -> Iterator[dict[str, Any]]:
    """One that is enabled, and one that its owner disabled half-way."""
    for disabled_at in (None, now - timedelta(days=proportions.DAYS / 2)):
        pk = next(ids)
        yield {
            "id": pk,
            "account_id": account["id"],
            "public_id": timed("whe", begin, random),
            "url": URL.format(pk),
            "events": dumps(["*"]),
            "description": "",
            "created_at": begin,
            "disabled_at": disabled_at,
            "disabled_reason": endpoints.BY_OWNER if disabled_at else "",
        }


def _secret(endpoint: dict[str, Any], begin: datetime) -> dict[str, Any]:
    return {
        "account_id": endpoint["account_id"],
        "endpoint_id": endpoint["id"],
        "encrypted": encryption.encrypt(signing.new_secret()),
        "created_at": begin,
    }
