"""Lists of an account's keys, beside others that have very many."""

import pytest
from django.db import connection

from conversations import errors
from conversations.models import Account, ApiKey
from conversations.queries import api_keys as key_queries
from conversations.services.accounts import api_keys
from tests import plans
from tests.builders.factories import ApiKeyFactory

pytestmark = pytest.mark.django_db

MANY = """
INSERT INTO conversations_apikey (account_id, name, prefix, key_hash, revoked_at)
SELECT %s, '', 'sk-', sha256(convert_to(number::text, 'UTF8')), now() FROM generate_series(1, 20000) AS number
"""


@pytest.fixture
def crowded(ann: Account, bob: Account) -> list[ApiKey]:
    """Ann's keys; all of bob's came later."""
    keys = [ApiKeyFactory.create(account=ann) for _ in range(3)]
    with connection.cursor() as cursor:
        cursor.execute(MANY, [bob.pk])
        cursor.execute("ANALYZE conversations_apikey")
    return keys


def test_a_list_reads_its_own_keys_alone(ann: Account, bob: Account, crowded: list[ApiKey]) -> None:
    def read(query: str) -> int:
        return plans.rows_read(plans.plan_of(query, analyze=True))

    of_few = plans.queries_of(lambda: key_queries.page(account_id=ann.pk, cursor=None, limit=20))
    of_many = plans.queries_of(lambda: key_queries.page(account_id=bob.pk, cursor=None, limit=20))

    assert max(map(read, of_few)) <= 20
    assert max(map(read, of_many)) <= 100
    found = key_queries.page(account_id=ann.pk, cursor=None, limit=20)
    assert [key.pk for key in found.rows] == [key.pk for key in reversed(crowded)]


def test_how_many_keys_were_made_in_a_day_is_told_by_a_part_of_the_accounts_own(bob: Account, crowded: object) -> None:
    def refused() -> None:
        with pytest.raises(errors.QuotaExceeded):
            api_keys.create(account=bob)

    [pace] = [query for query in plans.queries_of(refused) if "OFFSET" in query]

    nodes = plans.plan_of(pace, analyze=True)
    assert plans.read_from_end_to_end(nodes) == set()
    assert plans.rows_read(nodes) <= 10_000 + 1
