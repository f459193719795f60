"""The errors of `/aichat*`. Our own API took over their form (docs/contract A.8), and so keeps the table."""

from conversations.dialects.api.errors import ERROR_TABLE, body, status

__all__ = ["ERROR_TABLE", "body", "status"]
