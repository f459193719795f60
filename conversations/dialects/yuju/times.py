"""Times as the siblings write them, `YYYY-MM-DD HH:MM:SS`, and the dates that they take: in UTC (docs/contract D.8)."""

import re
from datetime import UTC, datetime, timedelta

from conversations.errors import InvalidRequest

# Not every digit of Unicode, which `strptime` would take too.
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Ten digits, up to the year 2286.
_SECONDS = re.compile(r"[0-9]{1,10}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}")
FORMS = "a date such as 2026-01-31, or 2026-01-31 08:30:00, or seconds since 1970"


def shown(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def read(text: str, *, param: str, is_end: bool = False) -> datetime:
    """A date, a date and a time, or seconds since 1970. `is_end`: a date alone stands for the end of that day.

    Raises InvalidRequest.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC)
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=is_end)
    except (ValueError, OverflowError):
        pass
    raise InvalidRequest(f"{param} must be {FORMS}", param=param)
