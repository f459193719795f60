"""The order of stopping and its deadlines: web, workers, then the stores they all write to."""

from collections.abc import Set
from enum import StrEnum


class Role(StrEnum):
    WEB = "web"
    WORKER = "worker"
    STORE = "store"


# Web first answers the callers that wait, then the workers drain. A web process that still streams continues meanwhile.
WEB_HEAD_START_SECONDS = 0.5
# What a process needs besides draining. With DRAIN_SECONDS of 3 everything has ended within 5 s, even if it hangs.
WRAP_UP_SECONDS = 0.7
STORE_SECONDS = 0.5
# Between the death signal, which a store survives without losing data, and SIGKILL.
KILL_AFTER_SECONDS = 0.25
_BEFORE_STORES = (Role.WEB, Role.WORKER)


def roles_to_stop(*, alive: Set[Role], elapsed: float) -> tuple[Role, ...]:
    """The running roles that should have been asked to stop `elapsed` seconds after the stop began, in order."""
    if Role.WEB in alive and elapsed < WEB_HEAD_START_SECONDS:
        return (Role.WEB,)
    front = tuple(role for role in _BEFORE_STORES if role in alive)
    return front or (Role.STORE,)


def grace_seconds(role: Role, *, drain_seconds: float) -> float:
    """How long a process of `role` may take to stop before it is ended."""
    if role is Role.STORE:
        return STORE_SECONDS
    head_start = WEB_HEAD_START_SECONDS if role is Role.WEB else 0.0
    return head_start + drain_seconds + WRAP_UP_SECONDS
