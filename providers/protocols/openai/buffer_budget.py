"""A limit on what a reader buffers of an answer without publishing it: no other limit counts that."""

from providers.errors import UpstreamGarbled

# A vendor's own fields, pictures among them, are buffered until the end of a choice; everything else is short.
MAX_BUFFERED_BYTES = 8 * 1024 * 1024


class BufferBudget:
    """One for all choices of an answer."""

    def __init__(self, *, max_bytes: int = MAX_BUFFERED_BYTES) -> None:
        self._left = max_bytes

    def spend(self, size: int) -> None:
        """`size` in bytes or characters. Raises UpstreamGarbled when the budget is used up."""
        self._left -= size
        if self._left < 0:
            raise UpstreamGarbled("The model's answer holds too much that is no answer.")
