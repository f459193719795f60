"""Visitors as their account makes and changes them by hand. Those that come with a turn: `arrivals`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from conversations.errors import InvalidRequest, NotFound
from conversations.models import Account, Visitor
from conversations.queries.visitors import visitors as queries
from conversations.rules.conversations import visitor_fields
from conversations.rules.conversations.visitor_fields import VisitorFields
from conversations.services.accounts import quotas
from conversations.services.accounts.quotas import Quota
from conversations.services.transactions import retry_on_deadlock
from conversations.services.visitors import arrivals, reports
from conversations.values.callers import Caller
from conversations.webhooks.payloads import EventType

EXTERNAL_ID = "external_id"


@dataclass(frozen=True, slots=True)
class VisitorChange:
    """A field that is None stays as it is. `attributes` replace all that there were, `more` only those of its names:
    None removes one.
    """

    name: str | None = None
    email: str | None = None
    mobile: str | None = None
    attributes: Mapping[str, Any] | None = None
    more: Mapping[str, Any] | None = None


@retry_on_deadlock
def create(*, caller: Caller, external_id: str = "", fields: VisitorFields) -> Visitor:
    """Without an id of the customer's, one is made. Raises QuotaExceeded, and InvalidRequest for one that is taken."""
    if external_id:
        visitor_fields.external_id(external_id, param=EXTERNAL_ID)
    if not caller.may_make_visitors:
        raise quotas.exceeded(Account.objects.get(pk=caller.account_id), Quota.VISITORS)
    with transaction.atomic():
        made = arrivals.make(account_id=caller.account_id, external_id=external_id, fields=fields)
        if made is None:
            raise InvalidRequest("Another visitor has this id.", param=EXTERNAL_ID)
        visitor = queries.for_account(account_id=caller.account_id, visitor_id=made["public_id"])
        reports.report(visitor, EventType.VISITOR_CREATED)
    return visitor


@retry_on_deadlock
def change(*, account_id: int, visitor_id: str, change: VisitorChange) -> Visitor:
    """Raises NotFound and InvalidRequest."""
    given = checked(change)
    with transaction.atomic():
        own = queries.of_account(account_id=account_id).filter(public_id=visitor_id)
        visitor = own.select_for_update(no_key=True).first()
        if visitor is None:
            raise NotFound("visitor not found")
        if change.more:
            all_of_them = {**visitor.attributes, **change.more}
            kept = {name: value for name, value in all_of_them.items() if value is not None}
            given["attributes"] = visitor_fields.own_attributes(kept, param="attributes")
        for name, value in given.items():
            setattr(visitor, name, value)
        visitor.changed_at = Now()
        visitor.save(update_fields=[*given, "changed_at"])
        changed = queries.for_account(account_id=account_id, visitor_id=visitor_id)
        reports.report(changed, EventType.VISITOR_UPDATED)
    return changed


def checked(change: VisitorChange) -> dict[str, Any]:
    """The columns that are given, and their values. Raises InvalidRequest."""
    texts = {name: getattr(change, name) for name in visitor_fields.COLUMNS}
    given: dict[str, Any] = {
        name: visitor_fields.column(name, value, param=name) for name, value in texts.items() if value is not None
    }
    if change.attributes is not None:
        given["attributes"] = visitor_fields.own_attributes(change.attributes, param="attributes")
    return given
