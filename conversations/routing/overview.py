"""The targets as operators look at them: which are out and why, and their calls of the last minutes.

Read from Redis when somebody asks, so it is the same in all processes. Raises RedisError while Redis is away.
"""

from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import redis

from conversations.routing import board, entries, scripts, targets
from conversations.routing.board import EVERYBODY, MILLISECONDS, OPEN
from conversations.routing.targets import ANY_MODEL, RoutedTarget
from conversations.rules import routing as rules
from providers.catalog import ModelEntry

MINUTES = 5
AVAILABLE, HALF_OPEN = "available", "half_open"
# By the kind of an entry, the gravest first.
STATES = {
    "by_hand": "taken_out",
    "key": "key_refused",
    "region": "region_refused",
    "model": "model_missing",
    OPEN: "open",
    "rate": "rate_limited",
}
ALL_STATES = (AVAILABLE, *STATES.values(), HALF_OPEN)

# Of a kind and an id, by account.
_Entries = Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Known:
    """A target, and the names of its models."""

    routed: RoutedTarget
    models: list[str]


@dataclass(frozen=True, slots=True)
class UpstreamState:
    """A target, and the public names of the models that it serves.

    `state` is that for all accounts. `accounts_out`: for how many single accounts it is out besides. `calls` and
    `failures` are those of the last MINUTES; `in_progress` is None for a target that takes any number.
    """

    routed: RoutedTarget
    models: tuple[str, ...]
    state: str = AVAILABLE
    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None
    accounts_out: int = 0
    calls: int = 0
    failures: int = 0
    in_progress: int | None = None

    @property
    def id(self) -> str:
        return self.routed.id


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What Redis knew at a moment, in milliseconds of its clock."""

    now: int
    outs: _Entries
    calls: Mapping[tuple[str, str], int]
    places: Mapping[str, int]

    def state(self, known: _Known) -> UpstreamState:
        routed = known.routed
        about = [(kind, self.outs.get((kind, it), {})) for kind in STATES for it in (routed.id, routed.access_id)]
        found = [(kind, account, entry) for kind, of in about for account, entry in of.items()]
        lasting = [one for one in found if one[2]["ends"] > self.now]
        for_all = [(STATES[kind], entry) for kind, account, entry in lasting if account == EVERYBODY]
        for_all += [(HALF_OPEN, entry) for kind, account, entry in found if (kind, account) == (OPEN, EVERYBODY)]
        state, entry = for_all[0] if for_all else (AVAILABLE, None)
        bad = self.calls.get(("bad", routed.id), 0)
        return UpstreamState(
            routed,
            tuple(sorted(known.models)),
            state=state,
            reason=entry["reason"] if entry else "",
            since=_moment(entry["since"]) if entry else None,
            until=_moment(entry["ends"]) if entry else None,
            accounts_out=len({account for _, account, _ in lasting if account != EVERYBODY}),
            calls=self.calls.get(("ok", routed.id), 0) + bad,
            failures=bad,
            in_progress=self.places.get(routed.id),
        )


def read(client: redis.Redis) -> list[UpstreamState]:
    """The admin's targets, and those others that were asked in the last minutes or are out; by name."""
    seconds, microseconds = client.time()
    now, minute = seconds * MILLISECONDS + microseconds // MILLISECONDS, seconds // 60
    pipe = client.pipeline(transaction=False)
    pipe.hgetall(f"{scripts.PREFIX}out")
    for back in range(MINUTES):
        pipe.hgetall(f"{scripts.PREFIX}minute:{minute - back}")
    fields, *minutes = pipe.execute()
    calls, outs = _calls(minutes), _entries(fields)
    asked = {target_id for _, target_id in calls} | {about for _, about in outs}
    found = _known(asked)
    limited = [known.routed.id for known in found if known.routed.max_concurrent]
    snapshot = _Snapshot(now, outs, calls, _places(client, limited, now))
    states = [snapshot.state(known) for known in found]
    return sorted(states, key=lambda state: (state.models, state.routed.priority, state.routed.name))


def take_out(client: redis.Redis, *, target_id: str, reason: str) -> None:
    """For all accounts, until it is let in again or an hour has passed."""
    scripts.by_hand(client)(args=_by_hand(target_id, reason, rules.BY_HAND_SECONDS))


def let_in(client: redis.Redis, *, target_id: str, access_id: str) -> None:
    """Whatever it and its key are out for; what failed before counts no more."""
    for about in (target_id, access_id):
        scripts.by_hand(client)(args=_by_hand(about, "", 0.0))


def _by_hand(about: str, reason: str, seconds: float) -> list[str | int]:
    return [scripts.PREFIX, about, reason, int(seconds * MILLISECONDS), int(board.LIMITS["window"])]


def _known(asked: Set[str]) -> list[_Known]:
    """The admin's targets, and those of all others that are among the asked ones, or whose keys are."""
    found: dict[str, _Known] = {}
    for entry in [*entries.configured_entries(), *_any_models()]:
        for routed in targets.of_entry(entry, among=asked):
            if routed.is_guarded:
                found.setdefault(routed.id, _Known(routed, [])).models.append(entry.name)
    return list(found.values())


def _any_models() -> list[ModelEntry]:
    """What stands for the models that only callers name."""
    vendor = entries.default_vendor()
    return [ModelEntry(ANY_MODEL, vendor, ANY_MODEL, kind="any")] if vendor else []


def _entries(fields: Mapping[bytes, bytes]) -> _Entries:
    found: defaultdict[tuple[str, str], dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for name, value in fields.items():
        kind, account, about = name.decode().split("\n", 2)
        if account != "?":
            found[kind, about][account] = orjson.loads(value)
    return found


def _calls(minutes: list[Mapping[bytes, bytes]]) -> Mapping[tuple[str, str], int]:
    found: defaultdict[tuple[str, str], int] = defaultdict(int)
    for minute in minutes:
        for name, value in minute.items():
            what, _, target_id = name.decode().partition("\n")
            found[what, target_id] += int(value)
    return found


def _places(client: redis.Redis, limited: list[str], now: int) -> Mapping[str, int]:
    pipe = client.pipeline(transaction=False)
    for target_id in limited:
        pipe.zcount(f"{scripts.PREFIX}places:{target_id}", now, "+inf")
    return dict(zip(limited, pipe.execute(), strict=True)) if limited else {}


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / MILLISECONDS, UTC)
