"""Presets: each saved text is a new version, and a conversation keeps the version it was given."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max

from conversations import routing
from conversations.models import Account, Preset
from conversations.rules.generation import preset_options
from conversations.services.accounts import quotas
from conversations.services.accounts.quotas import Quota
from conversations.values.requests import Operation


def save(
    *, account: Account, name: str, text: str, model: str = "", parameters: Mapping[str, Any] | None = None
) -> Preset:
    """The next version of the account's preset of this name.

    Raises UnknownModel, ModelNotConfigured or InvalidRequest for a model that cannot answer, InvalidRequest for
    parameters that a request could not have, and QuotaExceeded.
    """
    if model:
        routing.entry_for(model, operation=Operation.CHAT)
    kept = preset_options.checked(parameters or {})
    with transaction.atomic():
        # This locks the account's row: two who save at once get consecutive versions.
        quotas.check_count(account_id=account.pk, quota=Quota.PRESETS, rows=Preset.objects.for_account(account))
        latest = Preset.objects.for_account(account).filter(name=name).aggregate(latest=Max("version"))["latest"]
        return Preset.objects.create(
            account=account,
            name=name,
            version=(latest or 0) + 1,
            text=text,
            model=model,
            parameters=kept,
        )
