"""Presets: a new text is a new version; conversations keep the version they began with."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max

from conversations.models import Account, Preset


def save(
    *, account: Account, name: str, text: str, model: str = "", parameters: Mapping[str, Any] | None = None
) -> Preset:
    """The next version of the account's preset of this name."""
    with transaction.atomic():
        # Two editors at once take turns on the account's row, so that versions have no gap and no twin.
        Account.objects.select_for_update().get(pk=account.pk)
        latest = Preset.objects.for_account(account).filter(name=name).aggregate(latest=Max("version"))["latest"]
        return Preset.objects.create(
            account=account,
            name=name,
            version=(latest or 0) + 1,
            text=text,
            model=model,
            parameters=dict(parameters or {}),
        )
