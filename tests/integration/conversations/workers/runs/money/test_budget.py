"""What an attempt reserves before it asks, while the answer comes, and what it costs at the end."""

from decimal import Decimal

import pytest

from conversations.models import Account, LedgerEntry
from conversations.services.money import balances
from conversations.values.requests import Preconditions
from tests import builders
from tests.fakes.replies import fails, says
from tests.fakes.upstream import FakeUpstream
from tests.integration.conversations import inspection
from tests.integration.conversations.workers.runs.conftest import Answered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "no_routes", "prices")]

LONG = ["word " * 400] * 8


def usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def test_pays_what_the_vendor_reported(ann: Account, vendor: FakeUpstream, answered: Answered) -> None:
    builders.money.meter(ann, "10")
    vendor.script(says("Hi.", usage=usage(20, 30)))

    run = answered(builders.runs.start(ann))

    assert inspection.state(run)[0] == "completed"
    # Fifty tokens.
    assert builders.money.state(ann) == ("9.95", "0", None)
    settled = LedgerEntry.objects.get(run=run, kind="settle")
    assert settled.usage_source == "reported"
    assert settled.explanation is not None
    assert settled.explanation["cost"] == "0.0500000000"
    lines = [(line["kind"], line["units"], line.get("price"), line["amount"]) for line in settled.explanation["lines"]]
    assert lines == [("input", 20, "1000", "0.02"), ("output", 30, "1000", "0.03"), ("call", 1, None, "0")]


def test_adds_the_accounts_markup(ann: Account, vendor: FakeUpstream, answered: Answered) -> None:
    Account.objects.filter(pk=ann.pk).update(markup_percent=Decimal(100))
    builders.money.meter(ann, "10")
    vendor.script(says("Hi.", usage=usage(20, 30)))

    answered(builders.runs.start(ann))

    assert builders.money.state(ann) == ("9.9", "0", None)


def test_a_failed_run_costs_nothing(ann: Account, vendor: FakeUpstream, answered: Answered) -> None:
    builders.money.meter(ann, "10")
    vendor.script(fails(400, "No such option"))

    run = answered(builders.runs.start(ann))

    assert inspection.state(run)[0] == "failed"
    assert builders.money.state(ann) == ("10", "0", None)
    assert [kind for kind, *_ in builders.money.entries(run)] == ["reserve", "release"]


def test_reserves_for_the_history_before_it_asks(ann: Account, vendor: FakeUpstream, answered: Answered) -> None:
    builders.money.meter(ann, "10")
    vendor.script(says("long answer " * 200, usage=usage(5, 5)), says("Hi.", usage=usage(5, 5)))
    answered(builders.runs.start(ann, "1"))

    run = answered(builders.runs.start(ann, "2"))

    kinds = [kind for kind, *_ in builders.money.entries(run)]
    assert kinds == ["reserve", "reserve", "settle"]
    assert builders.money.state(ann) == ("9.98", "0", None)


def test_a_history_that_cannot_be_afforded_is_not_asked_about(
    ann: Account, vendor: FakeUpstream, answered: Answered
) -> None:
    builders.runs.answered(ann, "1", "long answer " * 400)
    builders.money.meter(ann, "0.5")

    run = answered(builders.runs.start(ann, "2"))

    assert inspection.state(run)[0::3] == ("failed", "balance_used_up")
    assert vendor.requests == []
    assert builders.money.state(ann) == ("0.5", "0", None)


def test_an_answer_stops_when_the_balance_is_used_up(ann: Account, vendor: FakeUpstream, answered: Answered) -> None:
    builders.money.meter(ann, "2")
    vendor.script(says(*LONG))

    run = answered(builders.runs.start(ann, is_streamed=True))

    assert inspection.state(run)[0::3] == ("incomplete", "balance_used_up")
    answer = inspection.answer(run) or ""
    assert answer.startswith("word word")
    assert len(answer) < len("".join(LONG))
    amount, reserved, _ = builders.money.state(ann)
    assert amount is not None
    assert 0 <= Decimal(amount) < 1
    assert reserved == "0"
    assert LedgerEntry.objects.get(run=run, kind="settle").usage_source == "estimated"


def test_an_answer_goes_on_with_what_was_topped_up_meanwhile(
    ann: Account, vendor: FakeUpstream, answered: Answered
) -> None:
    builders.money.meter(ann, "0.5")
    run = builders.runs.start(ann)
    balances.top_up(account=ann, amount=Decimal(20))
    vendor.script(says(*LONG, usage=usage(10, 4000)))

    answered(run)

    assert inspection.state(run)[0] == "completed"
    assert builders.money.state(ann) == ("16.49", "0", None)


@pytest.mark.parametrize("is_metered", [True, False])
def test_an_answer_stops_at_its_callers_limit(
    ann: Account, vendor: FakeUpstream, answered: Answered, is_metered: bool
) -> None:
    if is_metered:
        builders.money.meter(ann, "20")
    vendor.script(says(*LONG))
    limited = Preconditions(max_cost=Decimal("1.5"))

    run = answered(builders.runs.start(ann, is_streamed=True, preconditions=limited))

    assert inspection.state(run)[0::3] == ("incomplete", "cost_limit_reached")
    assert 0 < len(inspection.answer(run) or "") < len("".join(LONG))
    if is_metered:
        amount, reserved, _ = builders.money.state(ann)
        assert amount is not None
        assert Decimal("18.5") <= Decimal(amount) < 20
        assert reserved == "0"


def test_a_question_above_its_callers_limit_is_not_asked(
    ann: Account, vendor: FakeUpstream, answered: Answered
) -> None:
    """With its history: what the question alone costs was looked at when it was accepted."""
    builders.runs.answered(ann, "1", "long answer " * 400)
    builders.money.meter(ann, "20")
    limited = Preconditions(max_cost=Decimal("0.02"))

    run = answered(builders.runs.start(ann, "2", preconditions=limited))

    assert inspection.state(run)[0::3] == ("failed", "cost_limit_reached")
    assert vendor.requests == []
    assert builders.money.state(ann) == ("20", "0", None)


def sent(vendor: FakeUpstream) -> list[int | None]:
    """The limit of each request, whatever its name."""
    bodies = [request.body for request in vendor.requests]
    return [body.get("max_completion_tokens", body.get("max_tokens")) for body in bodies]


@pytest.mark.parametrize("balance", ["20", None])
def test_who_can_pay_for_the_longest_answer_sends_what_was_asked(
    ann: Account, vendor: FakeUpstream, answered: Answered, balance: str | None
) -> None:
    if balance:
        builders.money.meter(ann, balance)
    vendor.script(says("Hi."))

    answered(builders.runs.start(ann))

    assert sent(vendor) == [None]


def test_thoughts_that_nobody_sees_end_with_the_balance(ann: Account, vendor: FakeUpstream, answered: Answered) -> None:
    """The vendor counts them, and stops where it was told to."""
    builders.money.meter(ann, "2")
    vendor.script(says(finish="length", usage=usage(10, 1990)))

    run = answered(builders.runs.start(ann))

    (limit,) = sent(vendor)
    assert limit is not None
    assert 1900 < limit < 2000
    assert inspection.state(run)[0::3] == ("incomplete", "balance_used_up")
    # They are paid for: for nothing they could be had again and again.
    assert builders.money.state(ann) == ("0", "0", None)
    assert LedgerEntry.objects.get(run=run, kind="settle").usage_source == "reported"


def test_a_limit_of_the_callers_own_is_no_end_of_the_balance(
    ann: Account, vendor: FakeUpstream, answered: Answered
) -> None:
    builders.money.meter(ann, "2")
    vendor.script(says("Hi.", finish="length", usage=usage(10, 100)))

    run = answered(builders.runs.start(ann, options={"max_tokens": 100}))

    assert sent(vendor) == [100]
    assert inspection.state(run)[0] == "completed"


@pytest.mark.parametrize("is_metered", [True, False])
def test_a_callers_limit_on_the_cost_limits_thoughts_too(
    ann: Account, vendor: FakeUpstream, answered: Answered, is_metered: bool
) -> None:
    if is_metered:
        builders.money.meter(ann, "20")
    vendor.script(says("So", finish="length", usage=usage(10, 480)))
    limited = Preconditions(max_cost=Decimal("0.5"))

    run = answered(builders.runs.start(ann, preconditions=limited))

    (limit,) = sent(vendor)
    assert limit is not None
    assert 400 < limit < 500
    assert inspection.state(run)[0::3] == ("incomplete", "cost_limit_reached")
    assert inspection.answer(run) == "So"


def test_each_answer_that_a_vendor_leaves_out_costs_its_prompt_again(
    ann: Account, vendor: FakeUpstream, answered: Answered
) -> None:
    builders.money.meter(ann, "10")
    vendor.script(*(says(text, usage=usage(20, 10)) for text in "abc"))

    run = answered(builders.runs.start(ann, options={"n": 3}))

    assert inspection.state(run)[0] == "completed"
    assert builders.money.state(ann) == ("9.91", "0", None)
    explanation = LedgerEntry.objects.get(run=run, kind="settle").explanation
    assert explanation is not None
    lines = [(line.get("call", 1), line["kind"], line["units"]) for line in explanation["lines"]]
    assert lines == [(call, *of) for call in (1, 2, 3) for of in (("input", 20), ("output", 10), ("call", 1))]


def test_no_more_answers_are_asked_for_than_can_be_paid_for(
    ann: Account, vendor: FakeUpstream, answered: Answered
) -> None:
    """A vendor that answers once to each request would read the prompt ten times."""
    builders.money.meter(ann, "1.5")
    vendor.script(*[says("Yes.", usage=usage(410, 2))] * 10)

    run = answered(builders.runs.start(ann, "word " * 400, options={"n": 10}))

    assert inspection.state(run)[0::3] == ("incomplete", "balance_used_up")
    assert len(vendor.requests) == 3
    assert builders.money.state(ann) == ("0.264", "0", None)


def test_answers_without_a_report_are_estimated_with_a_prompt_for_each_call(
    ann: Account, vendor: FakeUpstream, answered: Answered
) -> None:
    builders.money.meter(ann, "10")
    vendor.script(says("a", usage=usage(20, 10)), says("b"))

    run = answered(builders.runs.start(ann, options={"n": 2}))

    assert run.usage is not None
    assert run.usage["source"] == "estimated"
    assert [call["prompt_tokens"] * 2 for call in run.usage["of_calls"]] == [run.usage["prompt_tokens"]] * 2


@pytest.mark.parametrize("report", [usage(10**8, 10), usage(10, 10**8), usage(10**15, 10**15), usage(0, 0)])
def test_a_report_that_cannot_be_true_empties_no_balance(
    ann: Account, vendor: FakeUpstream, answered: Answered, report: dict[str, int]
) -> None:
    builders.money.meter(ann, "10")
    vendor.script(says("Hi.", usage=report))

    run = answered(builders.runs.start(ann))

    assert inspection.state(run)[0] == "completed"
    assert run.usage is not None
    assert run.usage["source"] == "estimated"
    assert LedgerEntry.objects.get(run=run, kind="settle").usage_source == "estimated"
    amount, reserved, _ = builders.money.state(ann)
    assert amount is not None
    assert Decimal("9.9") < Decimal(amount) < 10
    assert reserved == "0"


def test_a_callers_limit_holds_for_the_target_that_answers_after_others_failed(
    ann: Account, vendor: FakeUpstream, answered: Answered
) -> None:
    """What failed is nobody's cost, so it does not count towards the limit either."""
    builders.money.meter(ann, "20")
    vendor.script(fails(500))
    limited = Preconditions(max_cost=Decimal("1.5"))
    with FakeUpstream() as second:
        builders.upstreams.target(second, "second", priority=2)
        second.script(says(*LONG))

        run = answered(builders.runs.start(ann, is_streamed=True, preconditions=limited))

        assert sent(second) == sent(vendor)
    assert inspection.state(run)[0::3] == ("incomplete", "cost_limit_reached")
    amount, reserved, _ = builders.money.state(ann)
    assert amount is not None
    assert Decimal("18.5") <= Decimal(amount) < 19
    assert reserved == "0"
