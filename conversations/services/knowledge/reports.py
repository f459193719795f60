"""Documents that have become ready, or have failed, reported to webhook endpoints (docs/contract D.9)."""

from conversations.models import Document
from conversations.resources import knowledge as resources
from conversations.services import one_by_one
from conversations.services.webhooks import events
from conversations.webhooks.payloads import EventType
from conversations.webhooks.subjects import YujuSubject


def report(*, account_id: int, document_key: int) -> None:
    """The last step of the transaction that ends its job. A document is ready also where its report is refused.

    Raises the error of a store that is away.
    """
    key = {"account_id": account_id, "document_key": document_key}
    one_by_one.try_in_savepoint("report_document", str(document_key), lambda: _record(**key))


def _record(*, account_id: int, document_key: int) -> None:
    document = Document.objects.for_account(account_id).select_related("base").get(pk=document_key)
    events.record(
        account_id=account_id,
        event_type=EventType.DOCUMENT_SYNCED,
        data=resources.document(document),
        subject=YujuSubject(),
    )
