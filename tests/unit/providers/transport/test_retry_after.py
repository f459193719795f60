from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.transport import retry_after

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:05 GMT"}, 5.0),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:05 -0000"}, 5.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "Wed, 21 Oct 99999999999999 07:28:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 +99999999999999"}, None),
        ({"retry-after": "9" * 5_000}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after-ms": "1e400"}, None),
        ({"retry-after-ms": "1e400", "retry-after": "3"}, 3.0),
        ({"retry-after-ms": "-5", "retry-after": "3"}, 3.0),
        ({"retry-after": "99999999999999"}, 86_400.0),
        ({"retry-after-ms": "1e300"}, 86_400.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 86_400.0),
        ({"retry-after": "Thu, 01 Jan 99999999999999 12:00:05 GMT"}, None),
        ({"retry-after": "Thu, 01 Jan 2026 99999999999999:00:05 GMT"}, None),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:05 +9999999999"}, None),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:05 +2500"}, None),
        ({"retry-after": "Thu, 01 Jan 2026 14:00:05 +0200"}, 5.0),
        ({"retry-after": "Mon, 01 Jan 0001 00:00:00 +2359"}, 0.0),
        ({"retry-after": ", , , , ,"}, None),
        ({"retry-after": "\x00"}, None),
    ],
)
def test_reads_every_notation_of_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after.from_headers(headers, now=NOW) == expected


@given(value=st.text() | st.from_regex(r"[A-Z][a-z]{2}, -?\d{1,20} [A-Z][a-z]{2} -?\d{1,20} \d+:\d+:\d+ [+-]?\w*"))
def test_never_raises_and_asks_for_a_day_at_most(value: str) -> None:
    for name in ("retry-after", "retry-after-ms"):
        asked = retry_after.from_headers({name: value}, now=NOW)

        assert asked is None or 0 <= asked <= retry_after.LONGEST_SECONDS
