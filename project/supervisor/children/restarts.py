"""How long to wait before a child that ended is started again: longer and longer when it keeps ending."""

from dataclasses import dataclass

WINDOW_SECONDS = 30.0
EXITS_IN_WINDOW = 5
LONGEST_PAUSE_SECONDS = 30.0
_DOUBLINGS_TO_LONGEST = 5


@dataclass(frozen=True, slots=True)
class ExitHistory:
    """A child's recent exits: the times within the window, and how many starts in a row came after a pause."""

    times: tuple[float, ...] = ()
    pauses: int = 0


def record(history: ExitHistory, *, started_at: float, ended_at: float) -> ExitHistory:
    """The history after one more exit. A child that ran for as long as the window starts with a new history."""
    if ended_at - started_at >= WINDOW_SECONDS:
        return ExitHistory(times=(ended_at,))
    times = tuple(time for time in (*history.times, ended_at) if ended_at - time < WINDOW_SECONDS)
    is_failing = history.pauses > 0 or len(times) >= EXITS_IN_WINDOW
    return ExitHistory(times=times, pauses=history.pauses + 1 if is_failing else 0)


def pause_seconds(history: ExitHistory) -> float:
    """How long to wait before the next start: 0, or 1, 2, 4 … 30 s."""
    if not history.pauses:
        return 0.0
    return min(2.0 ** min(history.pauses - 1, _DOUBLINGS_TO_LONGEST), LONGEST_PAUSE_SECONDS)
