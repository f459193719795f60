"""What one connection is doing, since when, and whether its client is overdue."""

from enum import Enum, auto

from project.connections.limits import Limits


class Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    LINGERING = auto()  # answered before the request was complete: the client may still read the answer
    BODY = auto()
    ANSWER = auto()
    SENDING = auto()  # the view is done, but the client has not received all of the answer yet
    CLOSING = auto()


# In these phases no request is at work, so the connection may be closed to admit another.
EVICTABLE = frozenset({Phase.IDLE, Phase.HEAD, Phase.LINGERING})


class Timeouts:
    """The deadlines of one connection. All times are the event loop's, in seconds."""

    def __init__(self, *, limits: Limits, idle_seconds: float) -> None:
        self.phase = Phase.HEAD
        self._limits = limits
        self._idle_seconds = idle_seconds
        self._since = 0.0
        self._body_seconds = 0.0
        self._progress_at = 0.0
        self._unsent = 0

    def enter(self, phase: Phase, *, now: float) -> None:
        self.phase = phase
        self._since = now

    def reset_body_time(self) -> None:
        self._body_seconds = 0.0

    def note_body(self, *, now: float) -> None:
        """Bytes of the body were received."""
        self._since = now

    def note_progress(self, *, now: float) -> None:
        """The client received enough for the server to continue writing."""
        self._progress_at = now

    def is_overdue(self, *, now: float, elapsed: float, unsent: int, is_body_wanted: bool) -> bool:
        """Called at every check. `unsent`: bytes that wait for the client; `elapsed`: seconds since the last check."""
        if unsent == 0 or unsent < self._unsent:
            self._progress_at = now
        self._unsent = unsent
        if self.phase is Phase.BODY:
            self._count_body(now=now, elapsed=elapsed, is_wanted=is_body_wanted)
        return now - self._progress_at > self._limits.write or self._is_silent_too_long(now)

    def _count_body(self, *, now: float, elapsed: float, is_wanted: bool) -> None:
        """Time in which the server itself does not read is not counted."""
        if is_wanted:
            self._body_seconds += elapsed
        else:
            self._since = now

    def _is_silent_too_long(self, now: float) -> bool:
        silent = now - self._since
        match self.phase:
            case Phase.HEAD:
                return silent > self._limits.head
            case Phase.IDLE:
                return silent > self._idle_seconds
            case Phase.LINGERING:
                return silent > self._limits.lingering and not self._unsent
            case Phase.BODY:
                return silent > self._limits.body_silence or self._body_seconds > self._limits.body
        return False
