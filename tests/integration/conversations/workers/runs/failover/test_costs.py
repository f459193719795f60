"""What a run costs whose targets are of vendors with other prices."""

from decimal import Decimal
from typing import Any

import pytest

from conversations import errors
from conversations.models import Account, LedgerEntry, Run, RunAttempt, UpstreamTarget
from conversations.services.money import balances
from conversations.services.upstreams import routes, targets
from conversations.values.requests import Preconditions
from tests import builders
from tests.fakes.replies import Json, Reply, fails, says, tokens
from tests.fakes.upstream import FakeUpstream
from tests.integration.conversations import inspection
from tests.integration.conversations.workers.runs.conftest import Answered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "no_routes", "two_vendors")]

USED = tokens(20, 30)


@pytest.fixture
def two_vendors(first: FakeUpstream, second: FakeUpstream) -> None:
    """The first one's tokens cost a dollar a thousand, those of the second, which has another name, ten."""
    builders.money.price(vendor="openai", model="gpt-4", input="1000", output="1000")
    builders.money.price(vendor="deepseek", model="other", input="10000", output="10000")
    builders.upstreams.target(first, "first")
    key = builders.upstreams.key(second, "second", vendor="deepseek")
    targets.save(UpstreamTarget(model="gpt-4", key=key, upstream_model="other", priority=2))
    routes.refresh()


def settled(run: Run) -> Json:
    entry = LedgerEntry.objects.get(run=run, kind="settle")
    assert entry.explanation is not None
    return dict(entry.explanation)


def test_costs_what_the_target_that_answered_asks_for_it(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.money.meter(ann, "10")
    first.script(fails(500))
    second.script(says("Hi.", usage=USED))

    run = answered(builders.runs.start(ann))

    assert (len(first.requests), len(second.requests)) == (1, 1)
    assert builders.money.state(ann) == ("9.5", "0", None)
    assert (settled(run)["vendor"], settled(run)["model"]) == ("deepseek", "other")
    assert RunAttempt.objects.get(run=run).target == "deepseek / second / other"


def test_what_was_reserved_at_the_dearest_price_is_released(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.money.meter(ann, "10")
    first.script(says("Hi.", usage=USED))
    run = builders.runs.start(ann)
    reserved = builders.money.reserved_for(run)

    answered(run)

    # More than 256 tokens of an answer cost at the first vendor.
    assert float(reserved or 0) > 2.56
    assert builders.money.state(ann) == ("9.95", "0", None)
    assert settled(run)["vendor"] == "openai"
    assert second.requests == []


@pytest.mark.parametrize("trouble", [fails(500), says("Never", usage=USED).cut_after(1), fails(401)])
def test_targets_that_failed_cost_nothing(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream, trouble: Reply
) -> None:
    builders.money.meter(ann, "10")
    first.script(trouble)
    second.script(fails(400))

    run = answered(builders.runs.start(ann))

    assert inspection.state(run)[0] == "failed"
    assert builders.money.state(ann) == ("10", "0", None)
    assert [kind for kind, *_ in builders.money.entries(run)] == ["reserve", "release"]


@pytest.fixture
def dear_history(ann: Account) -> None:
    """Enough is left for the question and 256 tokens at the second vendor, and for the history at the first alone."""
    builders.runs.answered(ann, "1", "long answer " * 200)
    builders.money.meter(ann, "4")


@pytest.mark.usefixtures("dear_history")
def test_a_target_that_cannot_be_afforded_is_passed_over(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream
) -> None:
    """The other one is asked as if it were alone: what failed is tried again."""
    first.script(fails(500), says("Hi.", usage=USED))

    run = answered(builders.runs.start(ann, "2"))

    assert inspection.state(run)[0] == "completed"
    assert (len(first.requests), len(second.requests)) == (2, 0)
    assert builders.money.state(ann) == ("3.95", "0", None)
    assert RunAttempt.objects.get(run=run).moves is None


@pytest.mark.usefixtures("dear_history")
def test_a_run_fails_as_its_vendor_when_the_other_one_cannot_be_afforded(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream
) -> None:
    first.script(*[fails(500)] * 3)

    run = answered(builders.runs.start(ann, "2"))

    assert inspection.state(run)[0::3] == ("failed", "upstream_failed")
    assert (len(first.requests), len(second.requests)) == (3, 0)
    assert builders.money.state(ann) == ("4", "0", None)


@pytest.mark.usefixtures("dear_history")
def test_a_dearer_target_of_a_better_priority_is_passed_over(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream
) -> None:
    put_second_first()
    first.script(says("Hi.", usage=USED))

    run = answered(builders.runs.start(ann, "2"))

    assert inspection.state(run)[0] == "completed"
    assert (len(first.requests), len(second.requests)) == (1, 0)


def test_none_is_asked_when_none_can_be_afforded(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.runs.answered(ann, "1", "long answer " * 2000)
    builders.money.meter(ann, "3")

    run = answered(builders.runs.start(ann, "2"))

    assert inspection.state(run)[0::3] == ("failed", "balance_used_up")
    assert (first.requests, second.requests) == ([], [])
    assert builders.money.state(ann) == ("3", "0", None)
    assert RunAttempt.objects.get(run=run).target == ""


def test_what_others_took_meanwhile_makes_a_target_unaffordable_too(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream
) -> None:
    """The run was claimed when there was enough for both."""
    builders.runs.answered(ann, "1", "long answer " * 200)
    builders.money.meter(ann, "40")
    first.script(fails(500))

    run = answered(builders.runs.start(ann, "2"), meanwhile=lambda: balances.adjust(account=ann, amount=Decimal(-36)))

    assert inspection.state(run)[0::3] == ("failed", "upstream_failed")
    assert (len(first.requests), len(second.requests)) == (1, 0)
    assert builders.money.state(ann) == ("4", "0", None)
    attempt = RunAttempt.objects.get(run=run)
    assert attempt.target == "openai / first / gpt-4"


def test_who_pays_is_not_sent_to_a_target_without_a_price(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.money.meter(ann, "10")
    change_targets("second", upstream_model="unpriced")
    put_second_first()
    first.script(says("Hi.", usage=USED))
    run = builders.runs.start(ann)
    # At the price of the first alone: nine tokens and 256.
    assert builders.money.reserved_for(run) == "0.265"

    answered(run)

    assert inspection.state(run)[0] == "completed"
    assert (len(first.requests), len(second.requests)) == (1, 0)
    assert builders.money.state(ann) == ("9.95", "0", None)


def test_who_does_not_pay_is(answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream) -> None:
    change_targets("second", upstream_model="unpriced")
    first.script(fails(500))
    second.script(says("Hi.", usage=USED))

    run = answered(builders.runs.start(ann))

    assert inspection.state(run)[0] == "completed"
    assert len(second.requests) == 1


def test_a_model_is_refused_to_who_pays_when_none_of_its_targets_has_a_price(
    ann: Account, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.money.meter(ann, "10")
    change_targets("first", "second", upstream_model="unpriced")

    with pytest.raises(errors.ModelNotPriced):
        builders.runs.start(ann)

    assert not Run.objects.exists()


def test_a_target_that_costs_more_than_its_caller_allows_is_passed_over(
    answered: Answered, ann: Account, first: FakeUpstream, second: FakeUpstream
) -> None:
    """The question alone costs 0.09 there, and 0.009 at the other vendor."""
    builders.money.meter(ann, "10")
    put_second_first()
    first.script(says("Hi.", usage=USED))

    run = answered(builders.runs.start(ann, preconditions=Preconditions(max_cost=Decimal("0.08"))))

    assert inspection.state(run)[0] == "completed"
    assert (len(first.requests), len(second.requests)) == (1, 0)
    assert builders.money.state(ann) == ("9.95", "0", None)


def test_what_costs_more_than_its_caller_allows_everywhere_is_not_accepted(
    ann: Account, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.money.meter(ann, "10")

    with pytest.raises(errors.CostLimitReached):
        builders.runs.start(ann, preconditions=Preconditions(max_cost=Decimal("0.008")))

    assert not Run.objects.exists()
    assert builders.money.state(ann) == ("10", "0", None)


def put_second_first() -> None:
    change_targets("second", priority=1)
    change_targets("first", priority=2)


def change_targets(*keys: str, **fields: Any) -> None:
    """Those of the keys of these names. This process learns of it at once."""
    for target in UpstreamTarget.objects.filter(key__name__in=keys):
        for name, value in fields.items():
            setattr(target, name, value)
        targets.save(target)
    routes.refresh()
