"""Which targets are out, as this process knows it, and what it tells the others of its own calls.

In the good case a call costs an entry in a dict: a thread tells Redis every half second what was counted, and brings
back what is out. It does so at once after a failure. Only two kinds of calls ask Redis before they begin: the one that
may try a target whose breaker is half open, and those to a target that takes a limited number at once.

While Redis is away, what was last known serves until it ends; then all targets are in, and runs go on by failing over
alone.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any, NamedTuple

import orjson
import redis
import structlog

from conversations.routing import scripts
from conversations.routing.targets import RoutedTarget
from conversations.rules import routing as rules
from conversations.rules.routing import Failure, Fault
from providers.errors import ProviderError

log = structlog.get_logger(__name__)

SYNC_SECONDS = 0.5
# A process without calls looks less often.
IDLE_SECONDS = 2.0
# After a failure others are told once this has passed: many calls fail together.
GATHER_SECONDS = 0.05
# A place or probe of a process that died is free after this time; a living one renews it with every exchange.
LEASE_SECONDS = 10.0
# A breaker that nobody has tried for so long after its end is forgotten.
HALF_OPEN_SECONDS = 600.0
# How many failing accounts are told apart in a window, and with how many entries there may be one more of a single
# account. Redis needs 4 µs for each entry in each exchange.
MAX_ACCOUNTS = 200
MAX_ENTRIES = 500
MILLISECONDS = 1000
EVERYBODY = "*"
PROBE = "probe:"
OPEN = "open"

LIMITS = {
    "window": rules.WINDOW_SECONDS * MILLISECONDS,
    "failures": rules.MIN_FAILURES,
    "share": rules.FAILED_SHARE,
    "open": rules.OPEN_SECONDS,
    "max_open": rules.MAX_OPEN_SECONDS,
    "half_open": HALF_OPEN_SECONDS * MILLISECONDS,
    "lease": LEASE_SECONDS * MILLISECONDS,
    "accounts": MAX_ACCOUNTS,
    "entries": MAX_ENTRIES,
}


class Out(NamedTuple):
    """Why a target or a key is out, for whom, and until when (of the board's clock)."""

    kind: str
    account: str
    reason: str
    until: float


class Busy(NamedTuple):
    """Why a call may not begin: the target has no place left, or somebody else probes it, until when nobody else may.

    `until` is of the board's clock.
    """

    is_full: bool
    until: float


@dataclass(slots=True, eq=False)
class Use:
    """One call to a target. `is_probe`: an answer lets the target in again. `holds`: keys of places in Redis.

    `patience`: for how many seconds a probe may be without any content; None for other calls.
    """

    routed: RoutedTarget
    account: str
    is_probe: bool = False
    patience: float | None = None
    token: str = ""
    holds: tuple[str, ...] = ()
    is_counted: bool = False


@dataclass(slots=True)
class _News:
    """What was not told yet."""

    calls: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    probes: list[list[Any]] = field(default_factory=list)
    marks: list[list[Any]] = field(default_factory=list)
    freed: list[tuple[str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.calls or self.probes or self.marks or self.freed)


class Board:
    """One of each worker process, for all its threads. `clock` is in seconds."""

    NAME = "upstream-board"

    def __init__(self, client: redis.Redis, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`client`: one that gives up soon, because calls wait for it."""
        self._sync = scripts.sync(client)
        self._take = scripts.take(client)
        self._clock = clock
        self._lock = Lock()
        self._sync_lock = Lock()
        self._news = _News()
        self._held: set[Use] = set()
        self._outs: Mapping[str, tuple[Out, ...]] = {}
        self._is_urgent = Event()
        self._thread: Thread | None = None
        self.is_away = False

    def out_until(self, routed: RoutedTarget, account_id: int) -> float | None:
        """When this account may ask the target again; None for now, be it as the probe. May be past for others."""
        outs = self._outs
        if not outs:
            return None
        now = self._clock()
        found = self._of(outs, routed, account_id)
        return max((out.until for out in found if out.until > now), default=None)

    @property
    def is_well(self) -> bool:
        """Whether its thread lives; true before the first call, which starts it."""
        return self._thread is None or self._thread.is_alive()

    def begin(self, routed: RoutedTarget, account_id: int) -> Use | Busy:
        """A call to the target, if it may begin now."""
        use = Use(routed, str(account_id))
        if not routed.is_guarded:
            return use
        self._start()
        outs = self._outs
        is_half_open = bool(outs) and any(out.kind == OPEN for out in self._of(outs, routed, account_id))
        if not is_half_open and not routed.max_concurrent:
            return use
        return use if self.is_away else self._ask(use)

    def begin_anyway(self, routed: RoutedTarget, account_id: int) -> Use | Busy:
        """A call to a target that is out, because all are. As with a probe, an answer lets it in again.

        It needs a place all the same.
        """
        if routed.is_guarded:
            self._start()
        is_out = bool(self._outs) and bool(self._of(self._outs, routed, account_id))
        use = Use(routed, str(account_id), is_probe=is_out)
        return self._ask(use, anyway=True) if routed.max_concurrent and not self.is_away else use

    def answered(self, use: Use) -> None:
        """The target works. Called for the first event of an answer, since a long one would tell too late."""
        if not use.is_counted and use.routed.is_guarded:
            self._count(use, ok=1, bad=0, reason="")
            use.is_counted = True

    def failed(self, use: Use, failure: Failure, error: ProviderError) -> bool:
        """Whether that the target, or its key, is out for this reason is news to this process."""
        routed, reason = use.routed, failure.reason
        if not routed.is_guarded:
            return False
        match failure.fault:
            case Fault.TARGET:
                self._count(use, ok=0, bad=1, reason=reason)
                return False
            case Fault.RATE:
                return self._mark("rate", use, routed.id, reason, rules.rest_seconds(error.retry_after))
            case Fault.KEY:
                reason = f"{reason} ({error.status})" if error.status else reason
                return self._mark("key", use, routed.access_id, reason, rules.REFUSED_SECONDS)
            case Fault.MODEL | Fault.REGION if not routed.is_any_model:
                return self._mark(failure.fault.value, use, routed.id, reason, rules.REFUSED_SECONDS)
            case _:
                # It answered, and would answer others.
                self.answered(use)
                return False

    def end(self, use: Use) -> None:
        """Frees what the call held. A probe that came to nothing lets the next one try."""
        if use.holds:
            with self._lock:
                self._held.discard(use)
                self._news.freed += [(key, use.token) for key in use.holds]
            self._is_urgent.set()

    def exchange(self) -> None:
        """Tells Redis what is new, and learns what is out. Never raises."""
        with self._sync_lock:
            with self._lock:
                news, self._news = self._news, _News()
                held = [(key, use.token, key.startswith(PROBE)) for use in self._held for key in use.holds]
            try:
                now, fields = self._sync(args=[scripts.PREFIX, orjson.dumps(_told(news, held))])
                self._outs = _outs(fields, ends_at=lambda ends: self._clock() + (ends - now) / MILLISECONDS)
                self.is_away = False
            except (redis.RedisError, OSError) as exc:
                self._lost(exc)
            except Exception:
                # Our own mistake, or what somebody else wrote to these keys; as without Redis, and said once.
                if not self.is_away:
                    log.exception("upstream_board_broke")
                self._forget()

    def _of(self, outs: Mapping[str, tuple[Out, ...]], routed: RoutedTarget, account_id: int) -> list[Out]:
        found = (*outs.get(routed.id, ()), *outs.get(routed.access_id, ()))
        return [out for out in found if out.account == EVERYBODY or out.account == str(account_id)]

    def _ask(self, use: Use, *, anyway: bool = False) -> Use | Busy:
        routed, token = use.routed, secrets.token_hex(8)
        lease = int(LEASE_SECONDS * MILLISECONDS)
        args = (routed.id, use.account, routed.max_concurrent, token, lease, int(anyway))
        try:
            is_taken, number = self._take(args=[scripts.PREFIX, *args])
        except (redis.RedisError, OSError) as exc:
            self._lost(exc)
            return use
        if not is_taken:
            return Busy(is_full=not number, until=self._clock() + int(number) / MILLISECONDS)
        use.token = token
        if number:
            use.is_probe, use.patience = True, int(number) / MILLISECONDS
        probe = (f"{PROBE}{routed.id}",) if number else ()
        use.holds = (*probe, f"places:{routed.id}") if routed.max_concurrent else probe
        if use.holds:
            with self._lock:
                self._held.add(use)
        return use

    def _count(self, use: Use, *, ok: int, bad: int, reason: str) -> None:
        key = (use.routed.id, use.account)
        with self._lock:
            if use.is_probe:
                self._news.probes.append([*key, ok, bad, reason, True, use.routed.access_id])
            else:
                told = self._news.calls.setdefault(key, [*key, 0, 0, "", False, ""])
                told[2] += ok
                told[3] += bad
                told[4] = reason or told[4]
        if use.is_probe:
            self._end_probe(use)
        elif bad:
            self._is_urgent.set()

    def _end_probe(self, use: Use) -> None:
        """Its first outcome decides. A long answer holds no probe: before its end the target may need another one."""
        with self._lock:
            use.is_probe = False
            self._news.freed += [(key, use.token) for key in use.holds if key.startswith(PROBE)]
            use.holds = tuple(key for key in use.holds if not key.startswith(PROBE))
            if not use.holds:
                self._held.discard(use)
        self._is_urgent.set()

    def _mark(self, kind: str, use: Use, marked_id: str, reason: str, seconds: float) -> bool:
        """The account of the call knows at once, others when it was told."""
        out = Out(kind, use.account, reason, self._clock() + seconds)
        with self._lock:
            before = self._outs.get(marked_id, ())
            others = [known for known in before if (known.kind, known.account) != (kind, use.account)]
            self._news.marks.append([kind, use.account, marked_id, reason, seconds])
            self._outs = {**self._outs, marked_id: (*others, out)}
        self._is_urgent.set()
        return not any((known.kind, known.reason) == (kind, reason) for known in before)

    def _lost(self, exc: Exception) -> None:
        if not self.is_away:
            log.warning("upstream_states_unreachable", error=type(exc).__name__)
        self._forget()

    def _forget(self) -> None:
        """Nobody tells anything new. A breaker is half open for everybody then, so it is as good as closed."""
        now = self._clock()
        with self._lock:
            lasting = {it: tuple(out for out in outs if out.until > now) for it, outs in self._outs.items()}
            self._outs = {it: outs for it, outs in lasting.items() if outs}
            self.is_away = True

    def _start(self) -> None:
        """The thread is started by the first call: a process that is forked takes no thread along."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is not None:
                return
            self._thread = Thread(target=self._run, name=self.NAME, daemon=True)
        # So that the first call of a process does not go where all others know that nobody answers.
        self.exchange()
        self._thread.start()

    def _run(self) -> None:
        last = self._clock()
        while True:
            if self._is_urgent.wait(SYNC_SECONDS):
                time.sleep(GATHER_SECONDS)
                self._is_urgent.clear()
            is_busy = bool(self._news or self._outs or self._held)
            if is_busy or self._clock() - last >= IDLE_SECONDS:
                self.exchange()
                last = self._clock()


def _told(news: _News, held: list[tuple[str, str, bool]]) -> dict[str, Any]:
    return {
        "limits": LIMITS,
        "outcomes": [*news.calls.values(), *news.probes],
        "marks": news.marks,
        "held": held,
        "freed": news.freed,
    }


def _outs(fields: list[bytes], *, ends_at: Callable[[float], float]) -> dict[str, tuple[Out, ...]]:
    found: dict[str, tuple[Out, ...]] = {}
    for name, value in zip(fields[::2], fields[1::2], strict=True):
        kind, account, marked_id = name.decode().split("\n", 2)
        entry = orjson.loads(value)
        if account != "?":
            out = Out(kind, account, entry["reason"], ends_at(entry["ends"]))
            found[marked_id] = (*found.get(marked_id, ()), out)
    return found
