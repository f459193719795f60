"""Presets: a new text is a new version; conversations keep the version they began with."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max

from conversations import routing
from conversations.dialects.openai.chat import preset_options
from conversations.models import Account, Preset
from conversations.services.accounts import quotas
from conversations.services.accounts.quotas import Quota
from conversations.values.requests import Operation


def save(
    *, account: Account, name: str, text: str, model: str = "", parameters: Mapping[str, Any] | None = None
) -> Preset:
    """The next version of the account's preset of this name.

    Raises UnknownModel, ModelNotConfigured or InvalidRequest for a model that would not answer, and InvalidRequest for
    parameters that a request could not have; QuotaExceeded.
    """
    if model:
        routing.entry_for(model, operation=Operation.CHAT)
    kept = preset_options.checked(parameters or {})
    with transaction.atomic():
        # Two editors at once take turns on the account's row, so that versions have no gap and no twin.
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
