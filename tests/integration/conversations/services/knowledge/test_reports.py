"""A document that has become ready, or has failed, is reported in the transaction that ends its job."""

from typing import Any

import orjson
import pytest
from django.db import connection

from conversations.knowledge.failures import DocumentFailed
from conversations.models import Account, Event
from conversations.services.knowledge import base_upkeep, bases, results
from tests import builders
from tests.builders.knowledge import claimed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback_receivers")]


def reported() -> list[Any]:
    return [orjson.loads(event.payload or "") for event in Event.objects.order_by("pk")]


def test_a_document_that_is_ready_is_reported_once(ann: Account) -> None:
    builders.webhooks.endpoint(ann)

    (made,) = builders.knowledge.ready(builders.knowledge.base(ann), "鸟")

    (event,) = reported()
    assert {name: value for name, value in event.items() if name not in ("id", "timestamp", "data")} == {
        "type": "document.synced",
        "sequence": 1,
        "event": "kb_file_synced",
        "ibotID": None,
        "visitorId": None,
        "contact_id": None,
        "msgKey": None,
    }
    data = event["data"]
    assert (data["id"], data["knowledge"]) == (made.public_id, made.base.public_id)
    assert (data["name"], data["status"], data["progress"], data["error"]) == ("鸟", "ready", 1.0, None)
    assert data["passages"] == made.passages


def test_one_that_failed_says_why(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    made = builders.knowledge.document(builders.knowledge.base(ann))

    results.fail(claimed(), DocumentFailed("unreadable", "No text."))

    (event,) = reported()
    assert (event["data"]["id"], event["data"]["status"]) == (made.public_id, "failed")
    assert event["data"]["error"] == {"code": "unreadable", "message": "No text."}


def test_one_that_is_tried_again_is_not_reported_yet(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    builders.knowledge.document(builders.knowledge.base(ann))

    results.put_back(claimed())

    assert reported() == []


def test_indexing_anew_reports_nothing(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    builders.knowledge.ready(base, "herons", "storks")
    builders.webhooks.endpoint(ann)

    bases.reindex(account_id=ann.pk, base_id=base.public_id)

    base_upkeep.advance()
    assert builders.knowledge.work_off() == 2
    assert reported() == []


def test_without_an_endpoint_nothing_is_recorded(ann: Account, bob: Account) -> None:
    builders.webhooks.endpoint(bob)

    builders.knowledge.ready(builders.knowledge.base(ann), "herons")

    assert reported() == []


def test_a_document_is_ready_also_where_its_report_is_refused(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE conversations_event ADD CONSTRAINT none CHECK (type <> 'document.synced')")

    (made,) = builders.knowledge.ready(builders.knowledge.base(ann), "herons")

    assert made.status == "ready"
    assert reported() == []
