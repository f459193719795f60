"""Counting the values of a JSON text without parsing it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rules.json_size import MAX_VALUES, PIECE_BYTES, has_too_many_values

STRINGS = st.text() | st.text(alphabet='",[]{}\\:')
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | STRINGS,
    lambda inner: st.lists(inner) | st.dictionaries(STRINGS, inner),
    max_leaves=50,
)


def values_in(value: Any) -> int:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(values_in(member) for member in members)


@given(value=VALUES, is_ascii=st.booleans(), indent=st.sampled_from([None, 2]))
def test_counts_at_most_twice_what_there_is(value: Any, is_ascii: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode("utf-8", "surrogatepass")
    real = values_in(value)

    assert not has_too_many_values(text, most=2 * real)
    assert has_too_many_values(text, most=real - 2)


@pytest.mark.parametrize(
    "text",
    [
        b'{"question":"%b"}' % (b"1,2,3\\n" * MAX_VALUES),
        b'{"question":"%b"}' % (b'\\"a\\",{[\\\\' * MAX_VALUES),
        b'{"input":[%b0]}' % (b"12345," * 400_000),
        b'{"messages":[%b0]}' % (b'{"role":"user","content":"a, [b], {c}"},' * 100_000),
    ],
    ids=["CSV", "escapes", "tokens", "messages"],
)
def test_lets_through_what_people_send(text: bytes) -> None:
    assert not has_too_many_values(text)


@pytest.mark.parametrize("value", [b"[]", b"{}", b"1", b'""', b'"[]"', b'"\\\\"', b'{"a":1}'])
def test_finds_too_many_of_any_kind(value: bytes) -> None:
    assert has_too_many_values(b"[" + (value + b",") * (MAX_VALUES + 1) + b"1]")


@pytest.mark.parametrize("before", range(-3, 4))
def test_knows_a_string_from_one_piece_to_the_next(before: int) -> None:
    """A string may be cut between two pieces."""
    marks = b"," * (PIECE_BYTES + before)

    assert not has_too_many_values(b'["%b","%b"]' % (marks, marks), most=2)
    assert has_too_many_values(b'["%b",%b"%b"]' % (marks, b"1," * 10, marks), most=11)
