"""Which runs costs are told of: of an account, of an assistant, of a time, in pages."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from conversations import errors
from conversations.models import Account, AssistedRun, Run
from conversations.queries.money import cost_details, costs
from conversations.queries.money.cost_details import DetailsPage
from conversations.services.assistants import defaults
from conversations.values.money import Bill
from tests import builders, plans
from tests.builders.usage import ended

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def newest(owner: Account, **wanted: Any) -> DetailsPage:
    anything: dict[str, Any] = dict.fromkeys(("assistant_key", "since", "until", "after_run"))
    return cost_details.newest(account_id=owner.pk, **{**anything, "limit": 10, **wanted})


def ids(page: DetailsPage) -> list[str]:
    return [run.run_id for run in page.runs]


@pytest.fixture
def made(ann: Account) -> list[Run]:
    """Four hours, a run in each."""
    return [ended(ann, at=NOON + timedelta(hours=hour), conversation_id=f"{hour}") for hour in range(4)]


def test_runs_of_a_time_come_newest_first(ann: Account, bob: Account, made: list[Run]) -> None:
    expected = [run.public_id for run in reversed(made)]

    assert ids(newest(ann)) == expected
    assert ids(newest(ann, since=NOON + timedelta(hours=1))) == expected[:3]
    assert ids(newest(ann, until=NOON + timedelta(hours=1))) == expected[3:]
    assert ids(newest(ann, since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3))) == expected[1:3]
    assert ids(newest(bob)) == []


def test_pages_follow_each_other(ann: Account, bob: Account, made: list[Run]) -> None:
    expected = [run.public_id for run in reversed(made)]

    first = newest(ann, limit=3)
    second = newest(ann, limit=3, after_run=first.next_run)

    assert (ids(first), first.next_run) == (expected[:3], expected[2])
    assert (ids(second), second.next_run) == (expected[3:], None)
    with pytest.raises(errors.InvalidRequest, match="cursor"):
        newest(bob, after_run=first.next_run)


def test_only_runs_of_the_assistant_are_told(ann: Account, made: list[Run]) -> None:
    assistant = defaults.default_of(account_id=ann.pk)
    for run in made[:2]:
        AssistedRun.objects.create(run=run, account=ann, assistant=assistant, assistant_version=1)

    found = newest(ann, assistant_key=assistant.pk)
    first = newest(ann, assistant_key=assistant.pk, limit=1)
    every = newest(ann)

    assert ids(found) == [made[1].public_id, made[0].public_id]
    assert ids(newest(ann, assistant_key=assistant.pk, limit=1, after_run=first.next_run)) == [made[0].public_id]
    assert [run.assistant_id for run in every.runs] == ["", "", assistant.public_id, assistant.public_id]


def test_a_page_costs_as_many_statements_as_a_run(ann: Account) -> None:
    builders.money.price(input="1", cache_read="0.5", output="2")
    builders.money.meter(ann, "5")
    paid = [ended(ann, conversation_id=f"{at}", bill=Bill(Decimal("0.1"), "reported")) for at in range(3)]
    free = [ended(ann, conversation_id=f"free {at}") for at in range(3)]

    one = plans.queries_of(lambda: cost_details.of_run(account_id=ann.pk, run_id=paid[0].public_id))
    page = plans.queries_of(lambda: newest(ann))

    found = newest(ann).runs
    assert [run.run_id for run in found] == [run.public_id for run in reversed([*paid, *free])]
    assert [run.cost.cost for run in found] == [Decimal(0)] * 3 + [Decimal("0.1")] * 3
    assert [run.cost for run in found] == [costs.of_run(Run.objects.get(public_id=run.run_id)) for run in found]
    assert len(page) == len(one)


def test_an_unknown_run_is_none(ann: Account, bob: Account, made: list[Run]) -> None:
    assert cost_details.of_run(account_id=bob.pk, run_id=made[0].public_id) == DetailsPage([], None)
    assert costs.of_runs([]) == []
