"""How much a reader keeps of an answer that it has not told: nobody else would see it grow."""

from providers.errors import UpstreamGarbled

# Own fields of vendors, pictures among them, come with the end of a choice; all else that is kept back is short.
MAX_HELD_BYTES = 8 * 1024 * 1024


class Held:
    """One for all choices of an answer."""

    def __init__(self, *, most: int = MAX_HELD_BYTES) -> None:
        self._left = most

    def add(self, size: int) -> None:
        """`size` in bytes or characters. Raises UpstreamGarbled when it becomes more than anybody can mean."""
        self._left -= size
        if self._left < 0:
            raise UpstreamGarbled("The model's answer holds too much that is no answer.")
