"""The one way a start is refused: a single line that tells the operator what to do."""


class CannotStart(Exception):
    """Its text is the whole message; it never holds a password or a key."""
