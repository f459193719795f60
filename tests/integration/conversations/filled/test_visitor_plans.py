"""As test_plans.py, of an account with many visitors, one of whom has asked far more than all others."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from conversations.models import Visitor
from conversations.queries.conversations import messages, pages
from conversations.queries.conversations.messages import Between
from conversations.queries.conversations.pages import Wanted
from conversations.queries.visitors import dialogues, ownership, visitors
from conversations.services.erasures import begin
from conversations.services.erasures.advance import advance
from conversations.services.visitors import dialogues as dialogue_services
from tests import builders, plans
from tests.integration.conversations.filled.conftest import Filled
from tests.plans import costly

pytestmark = pytest.mark.django_db

PAGE = 20
# A page, with what belongs to each row.
ROWS_MAX = 120
# It counts to 5,000 for its pages.
ADMIN_ROWS_MAX = 5_700
BATCH_ROWS_MAX = 6_000
# Every account has some; ann's begin when most of the others are there.
VISITORS = """
INSERT INTO conversations_visitor (account_id, public_id, name, email, mobile, attributes, last_seen_at)
SELECT a.id, 'vis_' || a.id || '_' || n, 'name ' || n, 'e' || n || '@example.com', '', '{}', now()
FROM conversations_account a, generate_series(1, CASE WHEN a.id = %(ann)s THEN 6000 ELSE 1000 END) AS n
ORDER BY a.id = %(ann)s, n
"""
IDENTITIES = """
INSERT INTO conversations_visitoridentity (account_id, visitor_id, external_id)
SELECT account_id, id, 'user ' || id FROM conversations_visitor
"""
# Four of five conversations are of one.
DIALOGUES = """
INSERT INTO conversations_dialogue (conversation_id, account_id, visitor_id, is_open, look_at)
SELECT c.id, c.account_id, CASE WHEN c.id %% 5 = 0 THEN v.last ELSE v.first END, true, now() + interval '1 hour'
FROM conversations_conversation c
JOIN (SELECT account_id, min(id) AS first, max(id) AS last FROM conversations_visitor GROUP BY account_id) v
  ON v.account_id = c.account_id
WHERE c.deleted_at IS NULL
"""
RUNS = """
INSERT INTO conversations_assistedrun (run_id, account_id, visitor_id)
SELECT r.id, r.account_id, d.visitor_id FROM conversations_run r
JOIN conversations_dialogue d ON d.conversation_id = r.conversation_id
"""

Ask = Callable[[Filled], object]


@pytest.fixture(autouse=True)
def _visited(filled: Filled) -> None:
    with connection.cursor() as cursor:
        for statement in (VISITORS, IDENTITIES, DIALOGUES, RUNS):
            cursor.execute(statement, {"ann": filled.ann.pk})
        for name in ("visitor", "visitoridentity", "dialogue", "assistedrun"):
            cursor.execute(f"ANALYZE conversations_{name}")


def talkative(filled: Filled) -> Visitor:
    return Visitor.objects.get(public_id=f"vis_{filled.ann.pk}_1", account=filled.ann)


def page(filled: Filled, **wanted: Any) -> object:
    return visitors.page(account_id=filled.ann.pk, **{"cursor": None, **wanted}, limit=PAGE)


def of_one(name: str, filled: Filled) -> object:
    return page(filled, **{name: "e7@example.com"})


def of_late(filled: Filled) -> object:
    return visitors.page(account_id=filled.late.pk, cursor=None, limit=PAGE)


def asked(filled: Filled) -> object:
    return dialogues.page(account_id=filled.ann.pk, visitor_id=talkative(filled).public_id, cursor=None, limit=PAGE)


def conversations_of(filled: Filled, owner: str = "ann", **wanted: Any) -> object:
    """The first page and one far behind it."""
    asked = Wanted(getattr(filled, owner).pk, **wanted)
    page = pages.page(asked, cursor=None, limit=PAGE)
    for _ in range(3):
        page = pages.page(asked, cursor=page.next_cursor, limit=PAGE)
    return page


def messages_of(filled: Filled, *, oldest_first: bool = False) -> object:
    """The first page and one far behind it."""
    found = messages.MessagePage([], None)
    for _ in range(3):
        ends = {"after" if oldest_first else "before": found.next_cursor}
        between = Between(**ends, oldest_first=oldest_first)
        found = messages.page(conversation=filled.longest.pk, between=between, limit=PAGE, said_alone=True)
    return found


def owned(filled: Filled, ask: Callable[..., bool], **named: str) -> object:
    return ask(account_id=filled.ann.pk, external_id=f"user {talkative(filled).pk}", **named)


QUERIES: list[Any] = [
    pytest.param(page, id="list"),
    pytest.param(of_late, id="list of another"),
    pytest.param(partial(page, external_id="user 5"), id="by external id"),
    *(pytest.param(partial(of_one, name), id=f"by {name}") for name in visitors.SEARCHED),
    pytest.param(partial(page, name="name 7", email="e7@example.com"), id="by two"),
    pytest.param(asked, id="conversations"),
    pytest.param(lambda f: owned(f, ownership.has_conversation, conversation_id=f.longest.public_id), id="owned"),
    pytest.param(lambda f: owned(f, ownership.has_run, run_id=f.called.public_id), id="owned run"),
    pytest.param(lambda f: dialogue_services.finish_each(most=100), id="sweep"),
]


# With two messages of each of twenty conversations and a hundred that are counted; a block of a visitor's, sorted.
LISTS: list[Any] = [
    pytest.param(conversations_of, 3_000, id="of an account"),
    pytest.param(partial(conversations_of, owner="late"), 3_000, id="of a late account"),
    pytest.param(partial(conversations_of, is_archived=True), 10_100, id="archived, of which there are none"),
    pytest.param(lambda f: conversations_of(f, visitors=[talkative(f).pk]), 3_000, id="of a visitor"),
    pytest.param(messages_of, ROWS_MAX, id="newest messages"),
    pytest.param(partial(messages_of, oldest_first=True), ROWS_MAX, id="oldest messages"),
]


@pytest.mark.parametrize(("ask", "rows_max"), LISTS)
def test_lists_for_front_ends_read_no_more_than_their_bound(filled: Filled, ask: Ask, rows_max: int) -> None:
    assert costly(lambda: ask(filled), rows_max=rows_max) == {}


@pytest.mark.parametrize("ask", QUERIES)
def test_reads_little_more_than_it_shows(filled: Filled, ask: Ask) -> None:
    filtered = 10_100 if ask is not page and getattr(ask, "keywords", {}).keys() == {"name", "email"} else ROWS_MAX

    assert costly(lambda: ask(filled), rows_max=filtered) == {}


@pytest.mark.usefixtures("valkey")
@pytest.mark.parametrize("is_known", [True, False])
def test_a_turn_finds_its_visitor_and_thread_by_their_indexes(filled: Filled, is_known: bool) -> None:
    external_id = f"user {talkative(filled).pk}" if is_known else "new"
    helper = builders.visitors.assistant(filled.ann)
    tables = [f"conversations_{name}" for name in ("visitor", "visitoridentity", "dialogue", "assistedrun")]

    for _ in range(2):
        ask = partial(builders.visitors.ask, filled.ann, external_id, of=helper)
        assert plans.rows_fetched(ask, tables) < ROWS_MAX


def test_a_batch_of_a_removal_reads_its_own(filled: Filled) -> None:
    target = Visitor.objects.for_account(filled.ann).latest("pk")
    erasure = begin._merge(
        account_id=filled.ann.pk, visitor_id=talkative(filled).public_id, into=target.public_id, requested_by="a test"
    )

    # It counts once, by an index, how far there is to go.
    advance(erasure_pk=erasure.pk, most=1)

    assert costly(lambda: advance(erasure_pk=erasure.pk), rows_max=BATCH_ROWS_MAX) == {}


@pytest.mark.parametrize("query", ["", "?account__id__exact={ann}", "?q=vis_"])
def test_the_admins_list_reads_little_more_than_it_shows(filled: Filled, admin_client: Client, query: str) -> None:
    url = reverse("admin:conversations_visitor_changelist") + query.format(ann=filled.ann.pk)

    assert costly(lambda: admin_client.get(url), rows_max=ADMIN_ROWS_MAX) == {}
