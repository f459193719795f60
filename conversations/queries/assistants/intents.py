"""Intents, for their owners and for turns."""

from collections.abc import Sequence

from django.db.models import QuerySet

from conversations.errors import NotFound
from conversations.models import Intent, Run
from conversations.queries.keyset import Page, keyset_page
from conversations.values.assistants import IntentDefinition, IntentMatch

NOT_FOUND = "intent not found"
# Under which name a run's notes say why nobody knows.
INTENTS_NOTE = "intents"


def of_account(*, account_id: int) -> QuerySet[Intent]:
    """The oldest first."""
    return Intent.objects.for_account(account_id).order_by("pk")


def for_account(*, account_id: int, intent_id: str) -> Intent:
    """Raises NotFound when the account has no such intent."""
    if (intent := of_account(account_id=account_id).filter(public_id=intent_id).first()) is None:
        raise NotFound(NOT_FOUND)
    return intent


def page(*, account_id: int, cursor: str | None, limit: int) -> Page[Intent]:
    """The newest first. Raises InvalidRequest for a cursor that is no intent of the account."""
    return keyset_page(of_account(account_id=account_id), account_id=account_id, cursor=cursor, limit=limit)


def of_turn(ids: Sequence[str], *, account_id: int) -> tuple[IntentDefinition, ...]:
    """Those of these that the account has, in this order."""
    rows = of_account(account_id=account_id).filter(public_id__in=ids)
    found = {
        row.public_id: IntentDefinition(row.public_id, row.name, row.description, tuple(row.examples)) for row in rows
    }
    return tuple(found[one] for one in dict.fromkeys(ids) if one in found)


def found_before(*, account_id: int, run_id: int) -> tuple[tuple[IntentMatch, ...], str]:
    """What a run found out before it waited for an approval, and the note why it found nothing out, where it did not.

    Nothing, and "", for a run that has not waited.
    """
    kept = Run.objects.for_account(account_id).filter(pk=run_id)
    found = kept.values_list("answer__intents", f"answer__notes__{INTENTS_NOTE}").first()
    matches, note = found or (None, None)
    return tuple(IntentMatch(*one) for one in matches or ()), note or ""
