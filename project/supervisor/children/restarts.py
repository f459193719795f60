"""When a child that died is started again: at once, and with a growing pause when it keeps dying."""

from dataclasses import dataclass

WINDOW_SECONDS = 30.0
DEATHS_IN_WINDOW = 5
LONGEST_PAUSE_SECONDS = 30.0
_DOUBLINGS_TO_LONGEST = 5


@dataclass(frozen=True, slots=True)
class Deaths:
    """A child's recent past: when it died within the window, and how many pauses in a row it has been given."""

    times: tuple[float, ...] = ()
    pauses: int = 0


def record(before: Deaths, *, started_at: float, died_at: float) -> Deaths:
    """The past after one more death. A life as long as the window clears it."""
    if died_at - started_at >= WINDOW_SECONDS:
        return Deaths(times=(died_at,))
    times = tuple(time for time in (*before.times, died_at) if died_at - time < WINDOW_SECONDS)
    is_failing = before.pauses > 0 or len(times) >= DEATHS_IN_WINDOW
    return Deaths(times=times, pauses=before.pauses + 1 if is_failing else 0)


def pause_seconds(deaths: Deaths) -> float:
    """How long to wait before the next start: 0, or 1, 2, 4 … 30 s."""
    if not deaths.pauses:
        return 0.0
    return min(2.0 ** min(deaths.pauses - 1, _DOUBLINGS_TO_LONGEST), LONGEST_PAUSE_SECONDS)
