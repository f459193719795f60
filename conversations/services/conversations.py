"""Whole conversations: locked, woken, renamed. Deleting them: `services/erasures/`; single turns: `services/runs/`."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.db.models.functions import Coalesce, Now

from conversations import broker, errors
from conversations.models import ActiveRun, Conversation


def lock_of(*, account_id: int, run_id: int) -> None:
    """Locks the active run's conversation, if it has one, until the transaction ends. Call it before the run is locked.

    A run that has ended needs no lock: nothing changes it any more.
    """
    of_run = ActiveRun.objects.for_account(account_id).filter(pk=run_id).values("conversation")
    locked = Conversation.objects.for_account(account_id).select_for_update(no_key=True).filter(pk__in=of_run)
    locked.values_list("pk").first()


def wake_next(*, conversation_id: int) -> None:
    """Wakes the run that has waited longest in the conversation, if none is in progress."""
    active = ActiveRun.objects.filter(conversation=conversation_id)
    first = active.order_by("pk").values_list("account_id", "pk").first()
    if first is None:
        return
    account_id, run_id = first
    if ActiveRun.objects.for_account(account_id).filter(pk=run_id).waiting().update(woken_at=Now()):
        broker.wake_run(account_id=account_id, run_id=run_id)


@dataclass(frozen=True, slots=True)
class ConversationChange:
    """A field that is None stays as it is. A title of "" is that of the first question again."""

    title: str | None = None
    is_archived: bool | None = None


def change(*, account_id: int, key: int, change: ConversationChange, versions: Collection[int] | None = None) -> None:
    """`versions`: it has to be in one of these; None for any. When it was last active stays as it is.

    Raises NotFound when it was deleted, and PreconditionFailed.
    """
    own = Conversation.objects.for_account(account_id).filter(pk=key, deleted_at=None)
    allowed = own if versions is None else own.filter(version__in=versions)
    fields: dict[str, Any] = {}
    if change.title is not None:
        fields["title"] = change.title
    if change.is_archived is not None:
        # Archived before, it keeps its time.
        fields["archived_at"] = Coalesce("archived_at", Now()) if change.is_archived else None
    if allowed.update(version=F("version") + 1, **fields):
        return
    raise errors.PreconditionFailed if own.exists() else errors.NotFound("conversation not found")
