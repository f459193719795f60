"""The sending process: destinations that hang delay no others, and a stopping process releases its deliveries."""

import contextlib
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from django.db import connection
from pytest_django import Settings

from conversations.models import Account, Delivery, DeliveryAttempt
from conversations.outbound.addresses import Address, ranges
from conversations.outbound.lookups import Lookups
from conversations.workers.deliveries import DeliveryProcess
from tests import builders
from tests.builders import locks
from tests.builders.factories import AccountFactory
from tests.fakes import receiver as fake
from tests.fakes.receiver import Receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("loopback_receivers")]


@pytest.fixture
def process() -> Iterator[DeliveryProcess]:
    running = DeliveryProcess()
    yield running
    # None of its threads is left beside the next test.
    running.drain(seconds=30.0)
    running.stop()


def test_sends_pending_deliveries_and_records_them(ann: Account, process: DeliveryProcess) -> None:
    with Receiver() as receiver:
        builders.webhooks.endpoint(ann, receiver.url)
        for _ in range(20):
            builders.webhooks.record(ann)

        process.fill()
        posted = receiver.wait(20)
        settled("succeeded", 20)

    assert len({one.headers["webhook-id"] for one in posted}) == 20


@pytest.fixture
def small() -> Iterator[DeliveryProcess]:
    """With six threads, four of them for destinations in slow start, one account may use three and two."""
    running = DeliveryProcess(threads=6, slow_start_threads=4)
    yield running
    # None of its threads is left beside the next test.
    running.drain(seconds=30.0)
    running.stop()


def test_those_that_hang_delay_nobody_else(ann: Account, small: DeliveryProcess) -> None:
    with contextlib.ExitStack() as stack:
        healthy, *hanging = [stack.enter_context(Receiver()) for _ in range(6)]
        for receiver in hanging:
            receiver.default = fake.stalls()
        # The healthy destination answers promptly before the others begin to hang.
        made, _ = builders.webhooks.endpoint(ann, healthy.url)
        builders.webhooks.record(ann)
        small.fill()
        settled("succeeded", 1)
        for receiver in hanging:
            builders.webhooks.endpoint(ann, receiver.url)
        for _ in range(30):
            builders.webhooks.record(ann)

        small.fill()
        healthy.wait(31)
        settled("succeeded", 31)

        # No hanging attempt had to end for that.
        assert DeliveryAttempt.objects.exclude(http_status=200).count() == 0
        assert sorted(len(receiver.requests) for receiver in hanging) == [0, 0, 0, 1, 1]
        assert Delivery.objects.filter(endpoint=made, status="pending").count() == 0


def test_one_accounts_hanging_destinations_delay_no_other_account(ann: Account, small: DeliveryProcess) -> None:
    bob = AccountFactory.create(name="bob")
    with contextlib.ExitStack() as stack:
        quick, *hanging = [stack.enter_context(Receiver()) for _ in range(9)]
        for receiver in hanging:
            receiver.default = fake.stalls()
            builders.webhooks.endpoint(ann, receiver.url)
        builders.webhooks.record(ann)
        small.fill()
        builders.webhooks.delivery(bob, quick.url)

        small.fill()
        settled("succeeded", 1)

        # Ann's attempts are still in flight: none had to end for that.
        assert DeliveryAttempt.objects.exclude(http_status=200).count() == 0
        assert sum(len(receiver.requests) for receiver in hanging) == 2


def test_one_accounts_flood_at_a_host_does_not_hold_up_another_account_there(
    ann: Account, small: DeliveryProcess
) -> None:
    bob = AccountFactory.create(name="bob")
    with Receiver() as shared:
        shared.script(fake.stalls())
        builders.webhooks.endpoint(ann, f"{shared.url}/ann")
        for _ in range(50):
            builders.webhooks.record(ann)
        small.fill()
        shared.wait(1)
        builders.webhooks.delivery(bob, f"{shared.url}/bob")

        small.fill()
        settled("succeeded", 1)

        assert [one.path for one in shared.requests] == ["/hook/ann", "/hook/bob"]


def test_one_accounts_hanging_names_delay_no_other_accounts_names(ann: Account, settings: Settings) -> None:
    """The look-ups hang longer than anybody waits for them."""
    settings.OUTBOUND_ALLOW = ranges(["127.0.0.0/8"])
    bob, resolver = AccountFactory.create(name="bob"), Resolver()
    running = DeliveryProcess(lookup=Lookups(at_once=8, ask=resolver))
    with Receiver() as receiver:
        for number in range(16):
            builders.webhooks.endpoint(ann, f"http://slow{number}.example/hook")
        builders.webhooks.record(ann)
        running.fill()
        resolver.wait(4)
        builders.webhooks.delivery(bob, f"http://quick.example:{receiver.port}/hook")

        running.fill()
        settled("succeeded", 1)

        assert len(resolver.hanging) == 4
        resolver.go.set()
        running.drain(seconds=30.0)
        running.stop()


def test_a_destination_gets_several_attempts_at_once_only_after_it_was_prompt(
    ann: Account, process: DeliveryProcess
) -> None:
    with Receiver() as receiver:
        receiver.script(fake.answers())
        receiver.default = fake.stalls()
        builders.webhooks.endpoint(ann, receiver.url)
        for _ in range(10):
            builders.webhooks.record(ann)

        process.fill()
        receiver.wait(5)
        process.fill()
        time.sleep(0.2)

        assert len(receiver.requests) == 5


def test_an_unreadable_secret_sends_nothing(ann: Account, process: DeliveryProcess, settings: Settings) -> None:
    with Receiver() as receiver:
        builders.webhooks.endpoint(ann, receiver.url)
        builders.webhooks.record(ann)
        settings.SECRET_KEY = "another-secret-of-more-than-32-characters"

        process.fill()
        attempt = attempted()

        assert (attempt.http_status, attempt.error) == (None, "secret_unreadable")
        assert receiver.requests == []


def test_a_stopping_process_releases_what_hangs(ann: Account, process: DeliveryProcess) -> None:
    with Receiver() as receiver:
        receiver.default = fake.stalls()
        delivery = builders.webhooks.delivery(ann, receiver.url)
        process.fill()
        receiver.wait(1)

        process.drain(seconds=0.1)
        process.stop()
        process.fill()

        delivery.refresh_from_db()
        assert (delivery.status, delivery.attempts_made, delivery.schedule_step, delivery.claimed_until) == (
            "pending",
            1,
            0,
            None,
        )
        assert len(receiver.requests) == 1


def test_a_stopping_process_waits_for_a_claim_under_way(ann: Account, process: DeliveryProcess) -> None:
    """Otherwise what is claimed after the release is due only when its lease has lapsed."""
    with Receiver() as receiver:
        delivery = builders.webhooks.delivery(ann, receiver.url)
        stopping = threading.Thread(target=locks.hung_up, args=(process.stop,))
        with locks.waited_for(lock_deliveries, by=process.fill):
            process.drain(seconds=30.0)
            stopping.start()
            stopping.join(0.2)
            assert stopping.is_alive()
        stopping.join(30)

        delivery.refresh_from_db()
        assert (delivery.status, delivery.attempts_made, len(receiver.requests)) == ("succeeded", 1, 1)


def lock_deliveries() -> None:
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE conversations_delivery IN EXCLUSIVE MODE")


class Resolver:
    """Resolves every name to loopback; names that begin with "slow" only once `go` is set."""

    def __init__(self) -> None:
        self.hanging: list[str] = []
        self.go = threading.Event()

    def __call__(self, name: str) -> list[Address]:
        if name.startswith("slow"):
            self.hanging.append(name)
            assert self.go.wait(60)
        return [ip_address("127.0.0.1")]

    def wait(self, count: int) -> None:
        deadline = time.monotonic() + 30.0
        while len(self.hanging) < count:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def settled(status: str, count: int) -> None:
    deadline = time.monotonic() + 30.0
    while Delivery.objects.filter(status=status).count() < count:
        assert time.monotonic() < deadline, list(Delivery.objects.values_list("status", "attempts_made"))
        time.sleep(0.01)


def attempted() -> DeliveryAttempt:
    deadline = time.monotonic() + 30.0
    while not (found := list(DeliveryAttempt.objects.all())):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found[0]
