"""Contacts are found by several conditions at once."""

import pytest

from conversations.models import Account, Visitor
from conversations.queries.visitors import contact_search
from conversations.values.visitors import Condition, VisitorField, VisitorFilter
from tests.builders.factories import AccountFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return AccountFactory.create()


def found(account: Account, *filters: VisitorFilter) -> list[str]:
    return [one.name for one in contact_search.search(account_id=account.pk, filters=filters)]


@pytest.mark.parametrize("condition", Condition)
def test_compares_an_attribute(account: Account, condition: Condition) -> None:
    Visitor.objects.create(account=account, name="甲", attributes={"城市": "上海"})
    Visitor.objects.create(account=account, name="乙", attributes={"城市": {"名": "北京"}, "0": 1})
    Visitor.objects.create(account=account, name="丙")
    fits = {
        Condition.EQUAL: ["甲"],
        Condition.NOT_EQUAL: ["丙", "乙"],
        Condition.CONTAIN: ["甲"],
        Condition.NOT_CONTAIN: ["丙", "乙"],
        Condition.BEGIN_WITH: ["甲"],
        Condition.EMPTY: ["丙"],
        Condition.NOT_EMPTY: ["乙", "甲"],
        Condition.GREATER: [],
        Condition.LESS: ["丙", "乙"],
    }
    value = "上海" if condition.takes_value else ""

    assert found(account, VisitorFilter(VisitorField.ATTRIBUTE, condition, value, "城市")) == fits[condition]


def test_finds_none_of_other_accounts_or_deleted_ones(account: Account) -> None:
    Visitor.objects.create(account=account, name="甲", deleted_at="2026-01-01T00:00:00Z")
    Visitor.objects.create(account=AccountFactory.create(), name="甲")

    assert found(account, VisitorFilter(VisitorField.NAME, Condition.EQUAL, "甲")) == []
    assert found(account) == []
