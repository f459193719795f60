"""The error of a migration that does not get through."""


class CannotMigrate(Exception):
    """Its text is one line that says what the operator should do. Nothing is half done; it may be tried again."""
