"""The order of stopping and its deadlines: web, workers, beat, then the stores they all write to."""

from collections.abc import Set
from enum import StrEnum


class Role(StrEnum):
    WEB = "web"
    WORKER = "worker"
    BEAT = "beat"
    STORE = "store"


# Web answers its waiters before the workers drain; one that still streams goes on while they do.
WEB_HEAD_START_SECONDS = 0.5
# What a process needs beyond draining. With DRAIN_SECONDS of 3 everything is gone within 5 s, however stuck.
WRAP_UP_SECONDS = 0.7
STORE_SECONDS = 0.5
# Between asking a store to end at once, which keeps its files in order, and killing it.
LAST_SECONDS = 0.25
_FRONT = (Role.WEB, Role.WORKER, Role.BEAT)


def roles_to_tell(*, alive: Set[Role], elapsed: float) -> tuple[Role, ...]:
    """The living roles that must have been told to stop, `elapsed` seconds into the stop, in their order."""
    if Role.WEB in alive and elapsed < WEB_HEAD_START_SECONDS:
        return (Role.WEB,)
    front = tuple(role for role in _FRONT if role in alive)
    return front or (Role.STORE,)


def patience_seconds(role: Role, *, drain_seconds: float) -> float:
    """How long a process of `role` may take from being told until it is ended."""
    if role is Role.STORE:
        return STORE_SECONDS
    head_start = WEB_HEAD_START_SECONDS if role is Role.WEB else 0.0
    return head_start + drain_seconds + WRAP_UP_SECONDS
