"""Long lists of deliveries and events: with any filter, they read little more than they show."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from conversations.models import Delivery
from tests import plans
from tests.builders.factories import AccountFactory, DeliveryFactory

ROWS = 100_000
# The count stops at 5,001 rows, and may look up the event of each.
READ_ROWS_MAX = 11_000
LIST = {kind: reverse(f"admin:conversations_{kind}_changelist") for kind in ("delivery", "event")}

# One account and endpoint have nearly all rows. Every thousandth is of another account, of a rarer type, and failed,
# or a callback. Empty tables first: what earlier tests took back still fills the files of tables and indexes, and the
# planner sees it.
EMPTY = "TRUNCATE conversations_delivery, conversations_event RESTART IDENTITY CASCADE"
# The statistics of accounts know of none that has rows here, as after a day with a new, large account.
OLDER_ACCOUNTS = """
ANALYZE conversations_account;
SELECT setval(pg_get_serial_sequence('conversations_account', 'id'), max(id) + 1000) FROM conversations_account;
"""
FILL = """
SET LOCAL session_replication_role = replica;
INSERT INTO conversations_event (account_id, public_id, type, sequence, payload)
SELECT CASE WHEN i %% 1000 = 7 THEN %(rare_account)s ELSE %(account)s END, 'evt_' || i,
       CASE WHEN i %% 1000 = 7 THEN 'run.cancelled' ELSE 'run.completed' END, 1000000 + i, '{}'
FROM generate_series(1, %(rows)s) i;
INSERT INTO conversations_delivery
  (account_id, public_id, kind, endpoint_id, event_id, run_id, url, receiver, status, finished_at)
SELECT CASE WHEN i %% 1000 = 7 THEN %(rare_account)s ELSE %(account)s END, 'dlv_' || i,
       CASE WHEN i %% 1000 = 8 THEN 'callback' ELSE 'endpoint' END,
       CASE WHEN i %% 1000 = 7 THEN %(rare_endpoint)s WHEN i %% 1000 <> 8 THEN %(endpoint)s END,
       CASE WHEN i %% 1000 <> 8 THEN %(first_event)s + i END,
       CASE WHEN i %% 1000 = 8 THEN 1 END, 'https://a.example/', 'https://a.example:443',
       CASE WHEN i %% 1000 = 7 THEN 'failed' ELSE 'succeeded' END, now()
FROM generate_series(1, %(rows)s) i;
ANALYZE conversations_event; ANALYZE conversations_delivery;
"""


@pytest.fixture
def rare(db: None) -> Delivery:
    """The account and endpoint of every thousandth row."""
    with connection.cursor() as cursor:
        cursor.execute(EMPTY)
        AccountFactory.create_batch(440)
        cursor.execute(OLDER_ACCOUNTS)
        usual, rare = DeliveryFactory.create(), DeliveryFactory.create(has_failed=True)
        cursor.execute(
            FILL,
            {
                "account": usual.account_id,
                "endpoint": usual.endpoint_id,
                "rare_account": rare.account_id,
                "rare_endpoint": rare.endpoint_id,
                "first_event": rare.event_id,
                "rows": ROWS,
            },
        )
    made: Delivery = rare
    return made


ASKED: list[tuple[str, dict[str, str]]] = [
    ("delivery", {}),
    ("delivery", {"status__exact": "succeeded"}),
    ("delivery", {"status__exact": "failed"}),
    ("delivery", {"status__exact": "pending"}),
    ("delivery", {"kind": "endpoint"}),
    ("delivery", {"kind": "callback"}),
    ("delivery", {"event_type": "run.completed"}),
    ("delivery", {"event_type": "run.cancelled"}),
    ("delivery", {"event_type": "run.failed"}),
    ("delivery", {"endpoint__id__exact": "rare"}),
    ("delivery", {"account__id__exact": "rare"}),
    ("delivery", {"q": "dlv_77007"}),
    ("delivery", {"q": "evt_77007"}),
    ("event", {}),
    ("event", {"event_type": "run.completed"}),
    ("event", {"event_type": "run.cancelled"}),
    ("event", {"event_type": "run.failed"}),
    ("event", {"account__id__exact": "rare"}),
]
# How many rows a page shows, where it is not a whole page of them.
SHOWN = {
    str({"status__exact": "pending"}): 1,
    str({"event_type": "run.failed"}): 0,
    str({"q": "dlv_77007"}): 1,
    str({"q": "evt_77007"}): 1,
}


def test_lists_read_little_more_than_they_show(admin_client: Client, rare: Delivery) -> None:
    read = {(kind, str(asked)): read_most(admin_client, kind, asked, rare) for kind, asked in ASKED}

    too_many = {question: nodes for question, nodes in read.items() if plans.rows_read(nodes) > READ_ROWS_MAX}
    assert {question: plans.outline(nodes) for question, nodes in too_many.items()} == {}


def read_most(admin_client: Client, kind: str, asked: dict[str, str], rare: Delivery) -> list[plans.Node]:
    """The plan of that of the page's queries on the list's table which reads most."""
    keys = {"endpoint__id__exact": str(rare.endpoint_id), "account__id__exact": str(rare.account_id)}
    with CaptureQueriesContext(connection) as ran:
        response = admin_client.get(LIST[kind], {name: keys.get(name, value) for name, value in asked.items()})
    assert len(response.context["cl"].result_list) == SHOWN.get(str(asked), 50)
    about = [query["sql"] for query in ran.captured_queries if f'FROM "conversations_{kind}"' in query["sql"]]
    assert len(about) >= 2
    return max((plans.plan_of(sql, analyze=True) for sql in about), key=plans.rows_read)
