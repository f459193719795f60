"""Searches for contacts, records and the log of tool calls read little more than they give, at any size."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connection

from conversations.models import Account, Visitor
from conversations.queries import keyset
from conversations.queries.tools import call_log
from conversations.queries.visitors import contact_search, messages
from conversations.values.visitors import Condition, VisitorField, VisitorFilter
from tests import plans
from tests.builders.factories import AccountFactory, ConversationFactory

ROWS = 40_000
# Of a hundred contacts or calls, or two hundred messages, with what is joined to them.
FEW = 1_000

# Nine in ten are the crowd's; the early account has the first, the late one the last. Every thousandth has a rare name,
# and all others of an account the same. Of each account one visitor has said everything, in one conversation.
FILL = """
SET LOCAL session_replication_role = replica;
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT m.i AS id, a.id AS account_id, v.id AS visitor_id, c.id AS conversation_id,
       now() - (%(rows)s - m.i) * interval '1 minute' AS at
FROM (SELECT i, CASE WHEN i <= %(rows)s / 20 THEN 'early' WHEN i > %(rows)s - %(rows)s / 20 THEN 'late' ELSE 'crowd' END
      AS who FROM generate_series(1, %(rows)s) i) AS m
JOIN conversations_account a ON a.name = m.who JOIN conversations_visitor v ON v.account_id = a.id
JOIN conversations_conversation c ON c.account_id = a.id;
INSERT INTO conversations_visitor (id, account_id, public_id, name, email, mobile, attributes)
SELECT 1000000 + id, account_id, 'vis_' || id, CASE WHEN id %% 1000 = 7 THEN '王' || id ELSE '访客' END,
       CASE WHEN id %% 1000 = 7 THEN '' ELSE 'a@x.cn' END, '', '{"等级":"银"}' FROM made ORDER BY id;
INSERT INTO conversations_visitoridentity (account_id, visitor_id, external_id)
SELECT account_id, 1000000 + id, 'u' || id FROM made ORDER BY id;
INSERT INTO conversations_run (id, account_id, conversation_id, public_id, channel, trace_id, dialect, model,
  context_window, request, attempt, created_at, finished_at)
SELECT 1000000 + id, account_id, conversation_id, 'run_' || id, 'x', md5(id::text)::uuid, 'yuju', 'echo', 8000, '{}', 1,
       at, at FROM made ORDER BY id;
INSERT INTO conversations_message (id, account_id, conversation_id, run_id, public_id, role, parts, tokens, created_at)
SELECT 1000000 + id, account_id, conversation_id, 1000000 + id, 'msg_' || id, 'user',
       '[{"type":"text","text":"你好"}]', 1, at FROM made ORDER BY id;
INSERT INTO conversations_toolcall (id, account_id, run_id, step, index, call_id, name, arguments, status, created_at)
SELECT 1000000 + id, account_id, 1000000 + id, 1, 0, 'call', '天气', '{}', 'done', at FROM made ORDER BY id;
INSERT INTO conversations_dialogue (conversation_id, account_id, visitor_id)
SELECT DISTINCT conversation_id, account_id, visitor_id FROM made;
ANALYZE conversations_visitor; ANALYZE conversations_visitoridentity; ANALYZE conversations_run;
ANALYZE conversations_message; ANALYZE conversations_toolcall; ANALYZE conversations_dialogue;
"""
WHO = ("early", "crowd", "late")
Ask = Callable[[Account], object]


@pytest.fixture
def accounts(db: None) -> dict[str, Account]:
    made = {name: AccountFactory.create(name=name) for name in WHO}
    for owner in made.values():
        ConversationFactory.create(account=owner)
        Visitor.objects.create(account=owner, name="最早")
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"rows": ROWS})
    return made


def searched(*filters: tuple[VisitorField, Condition, str]) -> Ask:
    asked = [VisitorFilter(field, condition, value, "等级") for field, condition, value in filters]
    return lambda owner: contact_search.search(account_id=owner.pk, filters=asked)


def record(**back: int) -> Ask:
    """`since` and `until`, in minutes before now."""

    def ask(owner: Account) -> object:
        visitor = Visitor.objects.for_account(owner).order_by("pk").first()
        assert visitor is not None
        now = datetime.now(UTC)
        since, until = (now - timedelta(minutes=back[name]) for name in ("since", "until"))
        return messages.page(visitor, since=since, until=until, cursor=None)

    return ask


def calls(*, is_next: bool) -> Ask:
    def ask(owner: Account) -> object:
        first = call_log.page(account_id=owner.pk, after=None, limit=100)
        return call_log.page(account_id=owner.pk, after=first.next, limit=100) if is_next else first

    return ask


EQUAL, CONTAIN = Condition.EQUAL, Condition.CONTAIN
NAME, EMAIL = VisitorField.NAME, VisitorField.EMAIL
SMALL: dict[str, Ask] = {
    "all": searched(),
    "a frequent name": searched((NAME, EQUAL, "访客")),
    "a name that nobody has": searched((NAME, EQUAL, "张三")),
    "a frequent email": searched((EMAIL, EQUAL, "a@x.cn")),
    "an id of the customer's": searched((VisitorField.EXTERNAL_ID, EQUAL, "u20000")),
    "an id": searched((VisitorField.ID, EQUAL, "vis_20000")),
    "the newest messages": record(since=100, until=0),
    "old messages": record(since=30_000, until=29_900),
    "messages of a time before all": record(since=90_000, until=80_000),
    "the newest calls": calls(is_next=False),
    "further calls": calls(is_next=True),
}
# One look through the keys, and one through the rows.
FILTERED: dict[str, Ask] = {
    "a part of a name": searched((NAME, CONTAIN, "张")),
    "an attribute": searched((VisitorField.ATTRIBUTE, EQUAL, "金")),
    "an email and a name": searched((EMAIL, EQUAL, "a@x.cn"), (NAME, EQUAL, "王")),
    "a part of an id": searched((VisitorField.EXTERNAL_ID, CONTAIN, "x")),
}


@pytest.mark.parametrize("what", SMALL)
def test_reads_little(accounts: dict[str, Account], what: str) -> None:
    found = {who: plans.costly(partial(SMALL[what], accounts[who]), rows_max=FEW) for who in WHO}

    assert found == {who: {} for who in WHO}


@pytest.mark.parametrize("what", FILTERED)
def test_looks_through_no_more_than_a_page_may(accounts: dict[str, Account], what: str) -> None:
    most = 2 * keyset.LOOKED_THROUGH + FEW
    found = {who: plans.costly(partial(FILTERED[what], accounts[who]), rows_max=most) for who in WHO}

    assert found == {who: {} for who in WHO}
