"""Intents made, changed and deleted by their owners. Assistants that name a deleted one go on without it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from conversations.errors import InvalidRequest, NotFound
from conversations.models import Intent
from conversations.models.assistants.intents import DESCRIPTION_MAX_CHARS, NAME_MAX_CHARS
from conversations.queries.assistants import intents
from conversations.rules import texts
from conversations.services.accounts import quotas
from conversations.services.accounts.quotas import Quota
from conversations.stores import refusals

EXAMPLES_MAX, EXAMPLE_MAX_CHARS = 50, 300
NAME_TAKEN = "intent_name_is_unique_in_its_account"


def create(*, account_id: int, given: Mapping[str, Any]) -> Intent:
    """Raises InvalidRequest, also without a name, and QuotaExceeded."""
    values = _checked(given)
    if "name" not in values:
        raise InvalidRequest("name is required", param="name")
    own = intents.of_account(account_id=account_id)
    with _name_stays_free(), transaction.atomic():
        account = quotas.check_count(account_id=account_id, quota=Quota.INTENTS, rows=own)
        _check_name_is_free(values["name"], account_id=account_id)
        made = Intent.objects.create(account=account, **values)
    return intents.for_account(account_id=account_id, intent_id=made.public_id)


def change(*, account_id: int, intent_id: str, given: Mapping[str, Any]) -> Intent:
    """Raises InvalidRequest and NotFound."""
    values = _checked(given)
    with _name_stays_free(), transaction.atomic():
        own = intents.of_account(account_id=account_id).filter(public_id=intent_id)
        if (intent := own.select_for_update(no_key=True).first()) is None:
            raise NotFound(intents.NOT_FOUND)
        if "name" in values:
            _check_name_is_free(values["name"], account_id=account_id, but=intent.pk)
        if values:
            own.update(**values, changed_at=Now())
    return intents.for_account(account_id=account_id, intent_id=intent_id)


def delete(*, account_id: int, intent_id: str) -> None:
    """Raises NotFound."""
    deleted, _ = intents.of_account(account_id=account_id).filter(public_id=intent_id).delete()
    if not deleted:
        raise NotFound(intents.NOT_FOUND)


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """As they are stored. Raises InvalidRequest that names the one at fault."""
    checks: Mapping[str, Callable[[Any], Any]] = {
        "name": lambda name: texts.named(name, param="name", most=NAME_MAX_CHARS),
        "description": lambda text: _text(text, "description", most=DESCRIPTION_MAX_CHARS),
        "examples": _examples,
    }
    return {name: check(given[name]) for name, check in checks.items() if name in given}


def _examples(given: Sequence[str]) -> list[str]:
    """Each once, in their order, without the empty ones."""
    if len(given) > EXAMPLES_MAX:
        raise InvalidRequest(f"examples has more than {EXAMPLES_MAX} elements", param="examples")
    said = (_text(example, "examples", most=EXAMPLE_MAX_CHARS) for example in given)
    return list(dict.fromkeys(example for example in said if example))


def _text(given: str, param: str, *, most: int) -> str:
    text = texts.storable(given, param=param).strip()
    if len(text) > most:
        raise InvalidRequest(f"{param} has a text of more than {most} characters", param=param)
    return text


def _check_name_is_free(name: str, *, account_id: int, but: int = 0) -> None:
    """Looked for first: PostgreSQL logs a refused row with its values. Raises InvalidRequest."""
    if intents.of_account(account_id=account_id).filter(name=name).exclude(pk=but).exists():
        raise _name_is_taken()


@contextmanager
def _name_stays_free() -> Iterator[None]:
    """To be entered before the transaction: another may take the name in the same moment. Raises InvalidRequest."""
    try:
        yield
    except IntegrityError as exc:
        if refusals.constraint(exc) != NAME_TAKEN:
            raise
        raise _name_is_taken() from exc


def _name_is_taken() -> InvalidRequest:
    return InvalidRequest("Another intent has this name.", param="name")
