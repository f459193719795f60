"""How far one reader of a run has come."""

from collections.abc import Sequence

from conversations.values.runs import RunEvent


class Cursor:
    """`position` is that of the last event read of `attempt`; 0 before the first."""

    def __init__(self, *, attempt: int) -> None:
        self.attempt = attempt
        self.position = 0

    def restart(self, attempt: int) -> bool:
        """Goes to the beginning of another attempt. Whether events of the attempt before were read."""
        has_read = self.position > 0
        self.attempt, self.position = attempt, 0
        return has_read

    def is_behind(self, attempt: int, events: Sequence[RunEvent]) -> bool:
        """Whether events before these were missed."""
        return events[0].position > (self.position if attempt == self.attempt else 0) + 1
