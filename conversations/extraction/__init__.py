"""Documents read as text. Knows no network, no database and no framework.

`extract` parses each document in a process of its own that can be killed (ADR 53); nothing here parses one in the
caller's process, and importing this package imports no parser.
"""

from conversations.extraction.client import extract
from conversations.extraction.detect import image_type
from conversations.extraction.errors import Reason, Unreadable
from conversations.extraction.extracted import Extracted

__all__ = ["Extracted", "Reason", "Unreadable", "extract", "image_type"]
