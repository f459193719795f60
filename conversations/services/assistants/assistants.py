"""Assistants made, changed and deleted by their owners. A change is a new version; runs say which one they used."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from conversations.errors import InvalidRequest, NotFound
from conversations.models import Assistant, AssistantVersion, Intent, KnowledgeBase, McpServer, Tool
from conversations.queries.assistants import assistants
from conversations.services.accounts import quotas
from conversations.services.accounts.quotas import Quota
from conversations.services.assistants import fields
from conversations.services.assistants.fields import AssistantFields

# Older ones are deleted: what changes an assistant every hour must not fill the table.
VERSIONS_KEPT = 200
STAYS_DEFAULT = "Make another assistant the default one instead: an account always has one."


def create(
    *, account_id: int, given: Mapping[str, Any], is_default: bool = False, allowed_models: Sequence[str] = ()
) -> AssistantVersion:
    """Raises InvalidRequest, QuotaExceeded, and what `fields.check_model` raises."""
    wanted = AssistantFields(**fields.checked(given))
    _check(wanted, AssistantFields(), account_id=account_id, allowed_models=allowed_models)
    with transaction.atomic():
        own = assistants.of_account(account_id=account_id)
        account = quotas.check_count(account_id=account_id, quota=Quota.ASSISTANTS, rows=own)
        made = Assistant.objects.create(account=account)
        _add_version(made, wanted, number=1)
        if is_default:
            _make_default(made)
    return assistants.for_account(account_id=account_id, assistant_id=made.public_id)


def change(
    *,
    account_id: int,
    assistant_id: str,
    given: Mapping[str, Any],
    is_default: bool | None = None,
    allowed_models: Sequence[str] = (),
) -> AssistantVersion:
    """Its newest version, which is another one if anything of it was changed. Raises NotFound, and as `create`."""
    values = fields.checked(given)
    with transaction.atomic():
        # Two who choose the default one at once wait for each other here, and nothing comes to an erased account.
        quotas.lock_account(account_id)
        assistant = _lock(account_id=account_id, assistant_id=assistant_id)
        newest = assistants.for_account(account_id=account_id, assistant_id=assistant_id)
        before = AssistantFields.of(newest)
        wanted = replace(before, **values)
        if wanted.columns() != before.columns():
            _check(wanted, before, account_id=account_id, allowed_models=allowed_models)
            _add_version(assistant, wanted, number=assistant.version + 1)
        if is_default:
            _make_default(assistant)
        elif is_default is False and assistant.is_default:
            raise InvalidRequest(STAYS_DEFAULT, param="default")
    return assistants.for_account(account_id=account_id, assistant_id=assistant_id)


@transaction.atomic
def delete(*, account_id: int, assistant_id: str) -> None:
    """With its versions. What is left is a row without any words, which its runs point at. Raises NotFound."""
    assistant = _lock(account_id=account_id, assistant_id=assistant_id)
    AssistantVersion.objects.for_account(account_id).filter(assistant=assistant.pk).delete()
    assistant.deleted_at, assistant.is_default = Now(), False
    assistant.save(update_fields=["deleted_at", "is_default"])


def _lock(*, account_id: int, assistant_id: str) -> Assistant:
    own = assistants.of_account(account_id=account_id).select_for_update(no_key=True)
    if (assistant := own.filter(public_id=assistant_id).first()) is None:
        raise NotFound(assistants.NOT_FOUND)
    return assistant


def _add_version(assistant: Assistant, wanted: AssistantFields, *, number: int) -> None:
    versions = AssistantVersion.objects.for_account(assistant.account_id).filter(assistant=assistant.pk)
    versions.create(account_id=assistant.account_id, assistant=assistant, number=number, **wanted.columns())
    versions.filter(number__lte=number - VERSIONS_KEPT).delete()
    if number != assistant.version:
        assistant.version = number
        assistant.save(update_fields=["version"])


def _make_default(assistant: Assistant) -> None:
    """With the account locked."""
    others = assistants.of_account(account_id=assistant.account_id).exclude(pk=assistant.pk)
    others.filter(is_default=True).update(is_default=False)
    assistant.is_default = True
    assistant.save(update_fields=["is_default"])


def _check(wanted: AssistantFields, before: AssistantFields, *, account_id: int, allowed_models: Sequence[str]) -> None:
    """Of what was said before only whether it fits: what it names may be gone since, and is left out of turns then."""
    fields.check_together(wanted)
    if wanted.model != before.model:
        fields.check_model(wanted.model, allowed=allowed_models)
    known = {
        "knowledge": (KnowledgeBase.objects.for_account(account_id).filter(deleted_at=None),),
        "tools": (Tool.objects.for_account(account_id), McpServer.objects.for_account(account_id)),
        "intents": (Intent.objects.for_account(account_id),),
    }
    for name, tables in known.items():
        new = set(getattr(wanted, name)).difference(getattr(before, name))
        found = {one for rows in tables for one in rows.filter(public_id__in=new).values_list("public_id", flat=True)}
        if missing := sorted(new - found):
            raise InvalidRequest(f"{name}: there is no {missing[0]!r}", param=name)
