"""Any bytes, but near to those that mean something: what is right, bent at any place by what has hurt somebody."""

import re

import requests
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st

from tests.journeys.service import Service

# The same bytes every time in `make test`; `make faults` looks for new ones.
KNOWN = settings(
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    derandomize=True,
    database=None,
    # The assertion tells what was sent, in a line; an example of it is pages.
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
def bent(draw: st.DrawFn, data: bytes) -> bytes:
    """Pieces put in, taken out, doubled or written over; half the time in front of something that has a meaning."""
    bent = bytearray(data)
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(bent)))
        if draw(st.booleans()) and (mark := bent.find(draw(st.sampled_from((b'"', b":", b"{", b"\n"))), place)) >= 0:
            place = mark + 1
        piece = draw(st.sampled_from(NASTY) | st.binary(max_size=6))
        length = draw(st.integers(0, 12))
        match draw(st.sampled_from(("put in", "take out", "double", "write over"))):
            case "put in":
                bent[place:place] = piece
            case "take out":
                del bent[place : place + length]
            case "double":
                bent[place:place] = bent[place : place + length]
            case _:
                bent[place : place + length] = piece
    return bytes(bent)


# What the operator has to mend: a vendor that says 401 is told of loudly.
OPERATORS = "event=upstream_refused_our_key"
COMPLAINT = re.compile(r" level=(error|critical) |Traceback| ERROR: ")


def assert_well(service: Service) -> None:
    """Nothing of it died of what was sent, or complained."""
    assert requests.get(f"{service.base_url}/readyz", timeout=30).json() == {"status": "ok", "failing": []}
    lines = service.log.splitlines()
    assert [line for line in lines if COMPLAINT.search(line) and OPERATORS not in line] == []
    assert " level=info " in service.log
