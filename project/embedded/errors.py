"""The error of a start that is impossible."""


class CannotStart(Exception):
    """Its text is one line that says what the operator should do. It never holds a password or a key."""
