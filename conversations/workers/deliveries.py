"""What sends deliveries in a process: one thread for each attempt, a bounded number. `delivery_choice` shares them out.

Receivers that have not shown that they are prompt never hold all threads. So those that hang wait for each other, and
delay nobody else.
"""

import threading
import time

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from conversations import encryption, refusals
from conversations.outbound import http, lookups
from conversations.outbound.lookups import Lookup
from conversations.services import one_by_one
from conversations.services.webhooks import attempts
from conversations.services.webhooks.attempts import ClaimedDelivery
from conversations.services.webhooks.choice import DeliveryChoice
from conversations.webhooks import sender, signing
from conversations.webhooks.sender import Outcome, SendError

log = structlog.get_logger(__name__)

THREADS = 64
THREADS_FOR_UNPROVEN = 48
PROMPT_SECONDS = 2.0


class DeliveryProcess:
    def __init__(
        self,
        *,
        threads: int = THREADS,
        for_unproven: int = THREADS_FOR_UNPROVEN,
        lookup: Lookup = lookups.system_lookup,
    ) -> None:
        self._client = http.open_client(allow=settings.OUTBOUND_ALLOW, max_connections=threads, lookup=lookup)
        self._lock = threading.Lock()
        self._in_flight: dict[int, ClaimedDelivery] = {}
        self._choice = DeliveryChoice(places=threads, unproven_places=for_unproven)
        self._wanted = threading.Event()
        self._filling = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self._is_stopping = False
        self._stop_at = 0.0

    def fill(self) -> None:
        """Begins attempts of what is due, as far as there is room. Called at once from several threads, one does it."""
        self._wanted.set()
        while self._wanted.is_set() and self._filling.acquire(blocking=False):
            try:
                self._wanted.clear()
                one_by_one.goes_well("deliveries", "claim", self._claim)
            finally:
                self._filling.release()

    def _claim(self) -> None:
        refused: list[int] = []
        while not self._is_stopping:
            with self._lock:
                under_way = list(self._in_flight.values())
            if not (chosen := self._choice.choose(under_way, refused=refused)):
                return
            claimed, unclaimable = attempts.claim(pks=chosen)
            for delivery in claimed:
                self._begin(delivery)
            if not unclaimable:
                return
            # Others go in their place.
            refused += unclaimable

    def _begin(self, delivery: ClaimedDelivery) -> None:
        with self._lock:
            self._in_flight[delivery.pk] = delivery
            self._idle.clear()
        # A daemon: an attempt under way does not keep the process from ending.
        thread = threading.Thread(target=self._attempt, args=(delivery,), name=delivery.public_id, daemon=True)
        if not one_by_one.goes_well("deliveries", "thread", thread.start):
            self._leave(delivery)

    def _attempt(self, delivery: ClaimedDelivery) -> None:
        try:
            self._send(delivery)
            self.fill()
        except Exception as exc:  # noqa: BLE001 — a thread that has nobody to tell; complained of below
            # The lease lapses, and the attempt is made again.
            if refusals.is_away(exc):
                log.warning("delivery_not_recorded", delivery=delivery.public_id, error=type(exc).__name__)
            else:
                one_by_one.complain("attempt_delivery", delivery.public_id, exc)
        finally:
            self._leave(delivery)
            connection.close()

    def _leave(self, delivery: ClaimedDelivery) -> None:
        with self._lock:
            self._in_flight.pop(delivery.pk, None)
            if not self._in_flight:
                self._idle.set()

    def _send(self, delivery: ClaimedDelivery) -> None:
        began = time.monotonic()
        outcome = self._post(delivery)
        self._choice.note_pace(delivery, is_prompt=time.monotonic() - began <= PROMPT_SECONDS)
        self._record(delivery, outcome)
        with self._lock:
            self._in_flight.pop(delivery.pk, None)
        if outcome.error is not None:
            log.info("delivery_not_sent", delivery=delivery.public_id, error=outcome.error.value)

    def _record(self, delivery: ClaimedDelivery, outcome: Outcome) -> None:
        """What the database refuses of it is left out: an attempt that is never recorded is made again for ever."""
        try:
            attempts.record(delivery=delivery, outcome=outcome)
        except Exception as exc:
            if refusals.is_away(exc):
                raise
            one_by_one.complain("record_delivery", delivery.public_id, exc)
            attempts.record_bare(delivery=delivery, outcome=outcome)

    def _post(self, delivery: ClaimedDelivery) -> Outcome:
        """Whatever goes wrong is a failed attempt: only so it is repeated after growing waits, and given up one day."""
        began = time.monotonic()
        try:
            return self._posted(delivery)
        except Exception:
            log.exception("delivery_broke", delivery=delivery.public_id)
            return Outcome(seconds=time.monotonic() - began, error=SendError.BROKEN)

    def _posted(self, delivery: ClaimedDelivery) -> Outcome:
        try:
            secrets = [encryption.open_sealed(sealed) for sealed in delivery.sealed_secrets]
        except encryption.Unreadable:
            log.error("signing_secret_unreadable", delivery=delivery.public_id)
            return Outcome(seconds=0.0, error=SendError.SECRET_UNREADABLE)
        body = delivery.body.encode()
        headers = signing.headers(
            webhook_id=delivery.webhook_id, body=body, signing_secrets=secrets, now=timezone.now()
        )
        with lookups.asked_for(delivery.account_id):
            return sender.post(self._client, url=delivery.url, headers=headers, body=body)

    def drain(self, *, seconds: float) -> None:
        """No new attempts; those under way get `seconds` from now."""
        self._is_stopping = True
        self._stop_at = time.monotonic() + seconds

    def stop(self) -> None:
        """What is still under way when its time is over is given back, to be made again by somebody else."""
        self._idle.wait(max(0.0, self._stop_at - time.monotonic()))
        with self._lock:
            left = list(self._in_flight.values())
        try:
            attempts.give_back(deliveries=left)
        except DatabaseError as exc:
            # Away: their leases lapse.
            log.warning("deliveries_not_given_back", count=len(left), error=type(exc).__name__)


_current: DeliveryProcess | None = None
_current_lock = threading.Lock()


def current() -> DeliveryProcess:
    """This process's own; made when first asked for."""
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
