"""How a wait reads in a header."""

import pytest

from conversations.dialects import rate_headers


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.0, "0ms"),
        (0.0161, "17ms"),
        (0.9989, "999ms"),
        (0.9991, "1s"),
        (1.0, "1s"),
        (1.5, "1.5s"),
        (59.983, "59.983s"),
        (60.0, "1m0s"),
        (61.25, "1m1.25s"),
        (360.0, "6m0s"),
    ],
)
def test_a_wait_is_written_as_openai_does(seconds: float, written: str) -> None:
    assert rate_headers.duration(seconds) == written
