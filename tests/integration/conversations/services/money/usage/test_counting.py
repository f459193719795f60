"""How usage is added up: every end once, whatever happens in between."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from threading import Event, Thread

import pytest
import structlog
from django.db import ProgrammingError, connection, transaction

from conversations.models import Account, Run, Tally, UsageOfConversation, UsageOfDay
from conversations.services.money import usage
from conversations.services.runs import cancel, finish
from conversations.services.runs.finish import AttemptCost
from conversations.values.money import Bill
from conversations.workers import usage as worker
from providers.messages import Usage
from tests import builders
from tests.builders import locks
from tests.builders.usage import TARGET, USED, count, ended, report, sums

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

TOKENS = {"input": "40", "cache_read": "60", "output": "20"}


@pytest.fixture(autouse=True)
def prices() -> None:
    # 40 at 1, 60 at 0.5 and 20 at 2: 110 for a million of them.
    builders.money.price(input="1", cache_read="0.5", output="2")


def count_waiting(until: int) -> int:
    return usage.count_batch(until=until, waits=True)


def counted(owner: Account) -> dict[str, str]:
    """What the table says, of all days together."""
    (row,) = report(owner, "model").rows
    return sums(row)


def test_a_run_is_counted_once_before_and_after_it_is_added_up(ann: Account) -> None:
    ended(ann)
    expected = {"runs": "1", **TOKENS, "price": "0.00011", "vendor_cost": "0.00011"}
    assert not UsageOfDay.objects.exists()
    assert counted(ann) == expected

    count()
    count()

    assert UsageOfDay.objects.count() == UsageOfConversation.objects.count() == 1
    assert counted(ann) == expected


def test_a_paid_run_is_counted_with_what_was_taken(ann: Account) -> None:
    builders.money.meter(ann, "0.3")
    explanation = {"cost": "0.5", "lines": [{"amount": "0.4"}]}
    run = builders.runs.start(ann, model="echo")
    bill = Bill(Decimal("0.5"), "reported", explanation)
    finish.finish(run=builders.runs.claim(run), report=builders.runs.report(usage=USED, bill=bill))

    count()

    assert counted(ann) == {
        "runs": "1",
        **TOKENS,
        "cost": "0.3",
        "written_off": "0.2",
        "price": "0.5",
        "vendor_cost": "0.4",
    }


def test_a_failed_run_of_a_metered_account_costs_nothing_but_its_vendor_may_want_money(ann: Account) -> None:
    builders.money.meter(ann, "1")
    ended(ann, bill=None)

    count()

    assert counted(ann) == {"runs": "1", **TOKENS, "vendor_cost": "0.00011"}


def test_a_markup_is_in_the_price_alone(ann: Account) -> None:
    Account.objects.filter(pk=ann.pk).update(markup_percent=100)
    ended(ann)

    count()

    assert {name: counted(ann)[name] for name in ("price", "vendor_cost")} == {
        "price": "0.00022",
        "vendor_cost": "0.00011",
    }


def test_what_has_no_price_or_was_not_reported_says_so(ann: Account) -> None:
    ended(ann, target="openai / env / unknown")
    ended(ann, target="")
    ended(ann, used=Usage(prompt_tokens=1, completion_tokens=0, source="estimated"))
    ended(ann, used=None)

    count()

    found = counted(ann)
    assert (found["runs"], found["unpriced_runs"], found["estimated_runs"]) == ("4", "2", "1")
    assert found["price"] == "0.000001"


def test_an_attempt_that_was_put_back_is_its_vendors_alone(ann: Account) -> None:
    run = builders.runs.start(ann, model="echo")
    builders.runs.claim(run)
    builders.runs.requeue(run, cost=AttemptCost(usage=USED, target=TARGET))
    assert report(ann).rows == []

    count()

    assert report(ann).rows == []
    row = UsageOfDay.objects.get()
    assert (row.is_put_back, row.runs, row.input) == (True, 0, 40)
    assert (row.cost, row.vendor_cost) == (Decimal(0), Decimal("0.00011"))
    assert not UsageOfConversation.objects.exists()


@pytest.mark.parametrize("is_counted_before", [True, False])
def test_a_run_that_waited_when_it_was_cancelled_is_none(ann: Account, is_counted_before: bool) -> None:
    run = builders.runs.start(ann, model="echo")
    builders.runs.claim(run)
    builders.runs.requeue(run)
    if is_counted_before:
        count()

    cancel.cancel_run(run)

    assert report(ann).rows == []
    count()
    assert report(ann).rows == []


def test_the_day_is_that_of_the_end_in_utc(ann: Account) -> None:
    for moment in (datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)):
        ended(ann, at=moment)
    before = [(str(row.day), sums(row)["runs"]) for row in report(ann).rows]

    count()

    after = [(str(row.day), sums(row)["runs"]) for row in report(ann).rows]
    assert before == after == [("2026-03-02", "1"), ("2026-03-01", "1")]


def test_usage_stays_when_the_run_is_deleted(ann: Account) -> None:
    run = ended(ann, is_stored=False)
    count()

    builders.usage.forget(run)

    assert counted(ann)["runs"] == "1"


def test_batches_add_up_to_what_one_would(ann: Account, bob: Account) -> None:
    for owner in (ann, bob, ann, ann, bob):
        ended(owner)
    horizon = usage.horizon_now()

    looked_at = [usage.count_batch(until=horizon.last_id, most=2) for _ in range(4)]

    assert looked_at == [2, 2, 1, 0]
    assert (counted(ann)["runs"], counted(bob)["runs"]) == ("3", "2")


def test_nothing_is_counted_twice_when_a_batch_is_broken_off(ann: Account) -> None:
    ended(ann)
    horizon = usage.horizon_now()

    with transaction.atomic():
        usage.count_batch(until=horizon.last_id)
        assert UsageOfDay.objects.exists()
        transaction.set_rollback(True)

    assert Tally.objects.filter(name="usage").values_list("counted_to", flat=True).first() in (None, 0)
    count()
    assert counted(ann)["runs"] == "1"


@pytest.mark.parametrize("others", [0, 1])
def test_an_end_that_is_written_while_others_are_counted_is_not_lost(
    ann: Account, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    """Its id is below theirs, but it can be seen only later. Without others, no later transaction has ended."""
    slow = builders.runs.start(ann, model="echo")
    claimed = builders.runs.claim(slow)
    is_written, may_commit = Event(), Event()

    def end_slowly() -> None:
        with transaction.atomic():
            finish.finish(run=claimed, report=builders.runs.report(usage=USED))
            is_written.set()
            may_commit.wait(30)

    thread = Thread(target=locks.hung_up, args=(end_slowly,))
    thread.start()
    assert is_written.wait(30)
    for _ in range(others):
        ended(ann, conversation_id="another")
    horizon = usage.horizon_now()
    assert not horizon.is_reached()
    assert len(report(ann).rows) == others
    monkeypatch.setattr("conversations.services.money.usage.SETTLE_SECONDS", 0.1)
    assert usage.count_all() is False
    assert not UsageOfDay.objects.exists()
    may_commit.set()
    thread.join(30)

    assert horizon.is_reached()
    count()
    assert counted(ann)["runs"] == str(1 + others)


def test_one_process_counts_at_a_time(ann: Account) -> None:
    count()
    ended(ann)
    horizon = usage.horizon_now()
    counts: list[int] = []
    other = Thread(target=locks.hung_up, args=(lambda: counts.append(usage.count_batch(until=horizon.last_id)),))

    with transaction.atomic(), usage.locked():
        other.start()
        other.join(30)

    assert counts == [0]
    assert not UsageOfDay.objects.exists()


def test_what_the_database_refuses_is_left_out_and_the_rest_is_counted(ann: Account) -> None:
    """No vendor's count is stored that is so large; only the sum of very many could be."""
    ended(ann)
    ended(ann, used=Usage(prompt_tokens=2**63 - 1, completion_tokens=0))
    ended(ann)

    count()

    assert counted(ann)["runs"] == "2"
    assert usage.count_batch(until=usage.horizon_now().last_id) == 0


def test_what_all_attempts_are_refused_for_leaves_out_none(ann: Account) -> None:
    """A right that is missing, a table that is damaged or of another release: somebody mends it."""
    ended(ann)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE conversations_usageofday RENAME TO of_another_release")

        with pytest.raises(ProgrammingError):
            count()

        cursor.execute("ALTER TABLE of_another_release RENAME TO conversations_usageofday")
    count()
    assert UsageOfDay.objects.get().runs == 1


def test_a_command_waits_for_the_process_that_counts(ann: Account) -> None:
    count()
    ended(ann)
    until = usage.horizon_now().last_id

    with locks.waited_for(lambda: Tally.objects.select_for_update().get(), by=partial(count_waiting, until)):
        assert not UsageOfDay.objects.exists()

    assert UsageOfDay.objects.get().runs == 1


def test_a_run_whose_account_pays_by_calls_has_the_price_of_the_list(ann: Account) -> None:
    builders.money.meter(ann, calls=5)
    ended(ann, bill=Bill(Decimal(0), "reported"))
    expected = {"runs": "1", **TOKENS, "price": "0.00011", "vendor_cost": "0.00011"}
    assert counted(ann) == expected

    count()

    assert counted(ann) == expected


def test_what_cannot_be_read_is_a_run_without_usage(ann: Account) -> None:
    run = ended(ann)
    Run.objects.filter(pk=run.pk).update(usage={"of": "a later release"})

    count()

    assert counted(ann) == {"runs": "1"}


def test_the_worker_counts_what_has_ended(ann: Account) -> None:
    ended(ann)

    worker.count()

    assert UsageOfDay.objects.get().runs == 1


def test_the_worker_says_once_that_a_transaction_does_not_end(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.services.money.usage.SETTLE_SECONDS", 0.1)
    ended(ann)

    with structlog.testing.capture_logs() as logged, locks.open_elsewhere():
        worker.count()
        worker.count()

    assert [entry["event"] for entry in logged] == ["usage_not_counted"]
    assert not UsageOfDay.objects.exists()
    worker.count()
    assert UsageOfDay.objects.get().runs == 1
