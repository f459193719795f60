"""Sends a process's deliveries: one thread for each attempt, up to a fixed number. `DeliverySelector` chooses them.

Destinations in slow start never use all threads. So those that hang delay only each other.
"""

import threading
import time

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from conversations import encryption
from conversations.outbound import http, lookups
from conversations.outbound.lookups import Lookup
from conversations.services import one_by_one
from conversations.services.webhooks import attempts
from conversations.services.webhooks.attempts import ClaimedDelivery
from conversations.services.webhooks.selection import DeliverySelector
from conversations.stores import refusals
from conversations.webhooks import sender, signing
from conversations.webhooks.sender import Outcome, SendError

log = structlog.get_logger(__name__)

THREADS = 64
# How many of them destinations in slow start may use.
SLOW_START_THREADS = 48
PROMPT_SECONDS = 2.0


class DeliveryProcess:
    """The attempts in flight of one process.

    `threads` is the largest number of attempts at once, `slow_start_threads` of those to destinations in slow start.
    """

    def __init__(
        self,
        *,
        threads: int = THREADS,
        slow_start_threads: int = SLOW_START_THREADS,
        lookup: Lookup = lookups.system_lookup,
    ) -> None:
        self._client = http.open_client(allow=settings.OUTBOUND_ALLOW, max_connections=threads, lookup=lookup)
        self._lock = threading.Lock()
        self._in_flight: dict[int, ClaimedDelivery] = {}
        self._selector = DeliverySelector(capacity=threads, slow_start_capacity=slow_start_threads)
        self._wanted = threading.Event()
        self._filling = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self._is_stopping = False
        self._stop_at = 0.0

    def fill(self) -> None:
        """Begins attempts of due deliveries, as many as there are free threads.

        When several threads call it at once, one of them does the work; it starts again for calls that came meanwhile.
        """
        self._wanted.set()
        while self._wanted.is_set() and self._filling.acquire(blocking=False):
            try:
                self._wanted.clear()
                one_by_one.try_step("deliveries", "claim", self._claim)
            finally:
                self._filling.release()

    def _claim(self) -> None:
        refused: list[int] = []
        while not self._is_stopping:
            with self._lock:
                in_flight = list(self._in_flight.values())
            if not (selected := self._selector.select(in_flight, refused=refused)):
                return
            claimed, unclaimable = attempts.claim(pks=selected)
            for delivery in claimed:
                self._begin(delivery)
            if not unclaimable:
                return
            # Select again, so that other deliveries use the threads of these.
            refused += unclaimable

    def _begin(self, delivery: ClaimedDelivery) -> None:
        with self._lock:
            self._in_flight[delivery.pk] = delivery
            self._idle.clear()
        # A daemon thread, so that an attempt in flight does not keep the process from ending.
        thread = threading.Thread(target=self._attempt, args=(delivery,), name=delivery.public_id, daemon=True)
        if not one_by_one.try_step("deliveries", "thread", thread.start):
            self._end(delivery)

    def _attempt(self, delivery: ClaimedDelivery) -> None:
        try:
            self._send(delivery)
            self.fill()
        except Exception as exc:  # noqa: BLE001 — nobody catches what a thread raises; logged below
            # The lease lapses, and the attempt is repeated.
            if refusals.is_away(exc):
                log.warning("delivery_not_recorded", delivery=delivery.public_id, error=type(exc).__name__)
            else:
                one_by_one.log_once("attempt_delivery", delivery.public_id, exc)
        finally:
            self._end(delivery)
            connection.close()

    def _end(self, delivery: ClaimedDelivery) -> None:
        with self._lock:
            self._in_flight.pop(delivery.pk, None)
            if not self._in_flight:
                self._idle.set()

    def _send(self, delivery: ClaimedDelivery) -> None:
        began = time.monotonic()
        outcome = self._post(delivery)
        self._selector.note_response(delivery, is_prompt=time.monotonic() - began <= PROMPT_SECONDS)
        self._record(delivery, outcome)
        # Its slot is free for the `fill` that follows; `_end` sets `_idle` only after that.
        with self._lock:
            self._in_flight.pop(delivery.pk, None)
        if outcome.error is not None:
            log.info("delivery_not_sent", delivery=delivery.public_id, error=outcome.error.value)

    def _record(self, delivery: ClaimedDelivery, outcome: Outcome) -> None:
        """Leaves out what the database refuses: an attempt that is never recorded would be repeated for ever."""
        try:
            attempts.record(delivery=delivery, outcome=outcome)
        except Exception as exc:
            if refusals.is_away(exc):
                raise
            one_by_one.log_once("record_delivery", delivery.public_id, exc)
            attempts.record_minimal(delivery=delivery, outcome=outcome)

    def _post(self, delivery: ClaimedDelivery) -> Outcome:
        """Any exception is a failed attempt: so it is repeated after growing waits, and fails for good in the end."""
        began = time.monotonic()
        try:
            return self._sign_and_post(delivery)
        except Exception:
            log.exception("delivery_broke", delivery=delivery.public_id)
            return Outcome(seconds=time.monotonic() - began, error=SendError.BROKEN)

    def _sign_and_post(self, delivery: ClaimedDelivery) -> Outcome:
        try:
            secrets = [encryption.decrypt(encrypted) for encrypted in delivery.encrypted_secrets]
        except encryption.Undecryptable:
            log.error("signing_secret_unreadable", delivery=delivery.public_id)
            return Outcome(seconds=0.0, error=SendError.SECRET_UNREADABLE)
        body = delivery.body.encode()
        headers = signing.headers(
            webhook_id=delivery.webhook_id, body=body, signing_secrets=secrets, now=timezone.now()
        )
        with lookups.asked_for(delivery.account_id):
            return sender.post(self._client, url=delivery.url, headers=headers, body=body)

    def drain(self, *, seconds: float) -> None:
        """Begins no new attempts; those in flight may take until `seconds` from now."""
        self._is_stopping = True
        self._stop_at = time.monotonic() + seconds

    def stop(self) -> None:
        """Waits until the time given to `drain` is over, then releases what is still in flight for another process."""
        # A claim under way ends first: what it claims is to be waited for, or released, too. No other begins.
        if self._filling.acquire(timeout=self._seconds_left()):
            self._filling.release()
        self._idle.wait(self._seconds_left())
        with self._lock:
            left = list(self._in_flight.values())
        try:
            attempts.release(deliveries=left)
        except DatabaseError as exc:
            # The database is away, so their leases lapse.
            log.warning("deliveries_not_released", count=len(left), error=type(exc).__name__)

    def _seconds_left(self) -> float:
        return max(0.0, self._stop_at - time.monotonic())


_current: DeliveryProcess | None = None
_current_lock = threading.Lock()


def current() -> DeliveryProcess:
    """The process's own, made on first use."""
    global _current  # noqa: PLW0603 — one per process is what it is
    with _current_lock:
        if _current is None:
            _current = DeliveryProcess()
        return _current


def drain(*, seconds: float) -> None:
    if _current is not None:
        _current.drain(seconds=seconds)


def stop() -> None:
    if _current is not None:
        _current.stop()
