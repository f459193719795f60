"""A visitor goes: deleted, or merged into another one. It becomes a tombstone; the rest is `services/erasures/`.

It is locked against its turns, which lock it too: one that is being accepted ends first, and the next finds its ids
gone or moved.
"""

from collections.abc import Mapping, Sequence

from django.db.models.functions import Now

from conversations.errors import InvalidRequest, NotFound
from conversations.models import Dialogue, Visitor, VisitorIdentity
from conversations.rules.conversations import visitor_fields
from conversations.services.accounts import token_revocations
from conversations.services.visitors import reports
from conversations.webhooks.payloads import EventType


def locked(*, account_id: int, visitor_ids: Sequence[str]) -> Mapping[str, Visitor]:
    """By their public ids, with their identities. Raises NotFound when one is not there."""
    own = Visitor.objects.for_account(account_id).filter(public_id__in=visitor_ids, deleted_at=None)
    found = {one.public_id: one for one in own.select_for_update().order_by("pk").prefetch_related("identities")}
    if len(found) < len(visitor_ids):
        raise NotFound("visitor not found")
    return found


def bury(visitor: Visitor, *, into: Visitor | None = None) -> None:
    """It has to be locked. Its ids are free again. What was merged into it shares its fate.

    Its client tokens end, unless its ids are those of another one now.
    """
    Visitor.objects.for_account(visitor.account_id).filter(merged_into=visitor).update(merged_into=into)
    identities = VisitorIdentity.objects.for_account(visitor.account_id).filter(visitor=visitor)
    if into is None:
        token_revocations.end_of_visitor(
            account_id=visitor.account_id, external_ids=list(identities.values_list("external_id", flat=True))
        )
    identities.delete()
    Visitor.objects.filter(pk=visitor.pk).update(
        name="", email="", mobile="", attributes={}, deleted_at=Now(), changed_at=Now(), merged_into=into
    )
    more = {"merged_into": into.public_id} if into else {}
    reports.report(visitor, EventType.VISITOR_DELETED, more=more)


def merge(visitor: Visitor, *, into: Visitor) -> None:
    """Both have to be locked. Raises InvalidRequest."""
    _check_size(visitor, into)
    VisitorIdentity.objects.for_account(into.account_id).filter(visitor=visitor).update(visitor=into)
    _move_threads(visitor, into)
    _complete(into, visitor)
    into.save(update_fields=["name", "email", "mobile", "attributes", "first_seen_at", "last_seen_at", "changed_at"])
    bury(visitor, into=into)
    changed = Visitor.objects.prefetch_related("identities").get(pk=into.pk)
    reports.report(changed, EventType.VISITOR_UPDATED)


def _check_size(visitor: Visitor, into: Visitor) -> None:
    ids = len(visitor.identities.all()) + len(into.identities.all())
    if ids > visitor_fields.EXTERNAL_IDS_MOST:
        raise InvalidRequest(f"a visitor has at most {visitor_fields.EXTERNAL_IDS_MOST} ids; these have {ids}")


def _complete(into: Visitor, other: Visitor) -> None:
    """What `into` has wins. Raises InvalidRequest for more attributes together than one may have."""
    for name in visitor_fields.COLUMNS:
        setattr(into, name, getattr(into, name) or getattr(other, name))
    of_both = {**other.attributes, **into.attributes}
    into.attributes = visitor_fields.attributes(of_both, param="attributes of both")
    into.first_seen_at = min(filter(None, (into.first_seen_at, other.first_seen_at)), default=None)
    into.last_seen_at = max(filter(None, (into.last_seen_at, other.last_seen_at)), default=None)
    into.changed_at = Now()


def _move_threads(visitor: Visitor, into: Visitor) -> None:
    """At most one for each assistant. Where `into` has one as well, the other becomes a conversation like any."""
    threads = Dialogue.objects.for_account(into.account_id).filter(is_thread=True)
    both = threads.filter(visitor=into).values("assistant")
    threads.filter(visitor=visitor, assistant__in=both).update(is_thread=False)
    threads.filter(visitor=visitor).update(visitor=into)


def lock_tombstone(visitor_id: int) -> tuple[int | None, int | None]:
    """Its key, and the one that it was merged into, both locked; None for what is not, or not any more.

    What is moved to a visitor is moved before that goes itself, or follows it.
    """
    key = Visitor.objects.filter(pk=visitor_id).select_for_update(no_key=True).values_list("pk", flat=True).first()
    if key is None:
        return None, None
    target = Visitor.objects.filter(pk=visitor_id).values_list("merged_into", flat=True).first()
    if target is not None:
        Visitor.objects.filter(pk=target).select_for_update(no_key=True).values_list("pk", flat=True).first()
        target = Visitor.objects.filter(pk=visitor_id).values_list("merged_into", flat=True).first()
    return key, target
