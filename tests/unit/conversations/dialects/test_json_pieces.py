import pytest

from conversations.dialects import json_pieces
from conversations.dialects.json_pieces import COMMAS_MAX, CONTAINERS_MAX
from conversations.errors import InvalidRequest


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{" * 1_000,
        b'{"text":"' + b"no pieces at all " * 1_000_000 + b'"}',
        b"[" + b"{}," * (CONTAINERS_MAX - 2) + b"{}]",
        b"[" + b"1," * COMMAS_MAX + b"1]",
    ],
    ids=["empty", "short", "one long text", "as many objects as may be", "as many values as may be"],
)
def test_takes_what_can_be_looked_at(body: bytes) -> None:
    json_pieces.check(body)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"[" + b"{}," * CONTAINERS_MAX + b"{}]", "has more than 300000 objects and arrays"),
        (b"[" * (CONTAINERS_MAX + 1), "has more than 300000 objects and arrays"),
        (b"[" + b"1," * (COMMAS_MAX + 1) + b"1]", "has more than 1000000 values"),
    ],
)
def test_refuses_what_is_of_too_many_pieces(body: bytes, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        json_pieces.check(body)
