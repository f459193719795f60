"""What one connection is doing, since when, and whether its client has kept the server waiting for too long."""

from enum import Enum, auto

from project.connections.limits import Limits


class Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    LINGERING = auto()  # answered before the request was whole: the client may still read
    BODY = auto()
    ANSWER = auto()
    SENDING = auto()  # answered, but the client has not taken all of it yet
    CLOSING = auto()


# In these the server owes the client nothing, so the connection may give way to another.
WAITING = frozenset({Phase.IDLE, Phase.HEAD, Phase.LINGERING})


class Watch:
    """All times are the loop's, in seconds."""

    def __init__(self, *, limits: Limits, idle_seconds: float) -> None:
        self.phase = Phase.HEAD
        self._limits = limits
        self._idle_seconds = idle_seconds
        self._since = 0.0
        self._body_seconds = 0.0
        self._taken_at = 0.0
        self._unsent = 0

    def enter(self, phase: Phase, *, now: float) -> None:
        self.phase = phase
        self._since = now

    def begin_body(self) -> None:
        self._body_seconds = 0.0

    def note_body(self, *, now: float) -> None:
        """Bytes of the body came."""
        self._since = now

    def note_taken(self, *, now: float) -> None:
        """The client took enough for the server to write on."""
        self._taken_at = now

    def is_overdue(self, *, now: float, elapsed: float, unsent: int, is_body_wanted: bool) -> bool:
        """To be asked at every look. `unsent` bytes wait for the client; `elapsed` seconds since the last look."""
        if unsent == 0 or unsent < self._unsent:
            self._taken_at = now
        self._unsent = unsent
        if self.phase is Phase.BODY:
            self._count_body(now=now, elapsed=elapsed, is_wanted=is_body_wanted)
        return now - self._taken_at > self._limits.write or self._is_silent_too_long(now)

    def _count_body(self, *, now: float, elapsed: float, is_wanted: bool) -> None:
        """The client has all the time in which it is the server that does not read."""
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
