"""Mutations of valid bytes, at any place, by pieces that have caused failures before."""

import re

import requests
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st

from tests.journeys.service import Service

# `make test` tries the same bytes every time; `make faults` tries new ones.
KNOWN = settings(
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    derandomize=True,
    database=None,
    # The assertion shows what was sent in one line; hypothesis's own report takes pages.
    verbosity=Verbosity.quiet,
    suppress_health_check=list(HealthCheck),
)
NEW = settings(KNOWN, derandomize=False)

DEEP = 300
NASTY = (
    b"\\u0000",
    b"\\u0000",
    b"\x00",
    b"\\ud83d",
    b"\\ude00",
    b"\xf0\x9f",
    b"\xff",
    b"\xed\xa0\xbd",
    b"\xe2\x80\xa8",
    b"\r",
    b"\n\n",
    b"\n",
    b"data: ",
    b"data:\n\n",
    b": PING\n\n",
    b"event: error\n",
    b"[DONE]",
    b"data: [DONE] \n\n",
    b'"',
    b"}",
    b"]",
    b"null",
    b"NaN",
    b"-Infinity",
    b"1e30",
    b"-1",
    b"40000",
    b"9" * 30,
    b"9" * 5000,
    b"x" * 300,
    b"{" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    b"1e999",
    b'"finish_reason": "error"',
    b'"error": {"message": "\\u0000", "code": 1e25},',
    b'"usage": {"prompt_tokens": 1e30, "completion_tokens": "x"},',
    b'"index": 40000,',
    b'"index": -1,',
    b'"index": "0",',
    b'"finish_reason": "null",',
    b'"role": null,',
    b"<html>",
)


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """Insert, delete, repeat or overwrite pieces; half of the time next to a byte that has a meaning."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(changed)))
        if draw(st.booleans()) and (mark := changed.find(draw(st.sampled_from((b'"', b":", b"{", b"\n"))), place)) >= 0:
            place = mark + 1
        piece = draw(st.sampled_from(NASTY) | st.binary(max_size=6))
        length = draw(st.integers(0, 12))
        match draw(st.sampled_from(("insert", "delete", "repeat", "overwrite"))):
            case "insert":
                changed[place:place] = piece
            case "delete":
                del changed[place : place + length]
            case "repeat":
                changed[place:place] = changed[place : place + length]
            case _:
                changed[place : place + length] = piece
    return bytes(changed)


# For the operator: a vendor that answers 401 is logged as an error.
FOR_OPERATOR = "event=upstream_refused_our_key"
ERROR_LINE = re.compile(r" level=(error|critical) |Traceback| ERROR: ")


def assert_well(service: Service) -> None:
    """The service is ready and has logged no error."""
    assert requests.get(f"{service.base_url}/readyz", timeout=30).json() == {"status": "ok", "failing": []}
    lines = service.log.splitlines()
    assert [line for line in lines if ERROR_LINE.search(line) and FOR_OPERATOR not in line] == []
    assert " level=info " in service.log
