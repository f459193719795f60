"""Pages of deliveries do not read what was sent: a callback's body is a whole answer, of megabytes."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations import resources
from conversations.models import Account
from conversations.queries.webhooks import deliveries
from conversations.queries.webhooks.deliveries import DeliveryFilter
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


def test_a_page_shows_deliveries_without_reading_what_they_deliver(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    builders.webhooks.callback(builders.runs.answered(ann, "Hello", "x" * 1000, is_stored=False))

    with CaptureQueriesContext(connection) as asked:
        page = deliveries.page(account_id=ann.pk, filters=DeliveryFilter(), cursor=None, limit=10)
        shown = [resources.delivery(delivery) for delivery in page.rows]

    assert {one["kind"] for one in shown} == {"callback", "endpoint"}
    read = [query["sql"] for query in asked if "SELECT" in query["sql"]]
    assert read
    assert [sql for sql in read if '"body"' in sql or '"payload"' in sql] == []
