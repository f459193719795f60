"""What `untrusted` returns can be stored by PostgreSQL and written by orjson, and has the same meaning."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import untrusted

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=())), inner),
)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'"before \\u0000 after"', "before \ufffd after"),
        (b'{"\\u0000": ["\\u0000"]}', {"\ufffd": ["\ufffd"]}),
        # The six characters of the escape sequence, as text; not the character U+0000.
        (b'"\\\\u0000"', "\\u0000"),
        (b'"hi \xf0\x9f there"', "hi \ufffd there"),
        (b'"a\x01b\nc"', "a\x01b\nc"),
        (b'"a\x00b"', "a\ufffdb"),
        (b"[NaN, Infinity, -Infinity, 1e999]", [None, None, None, None]),
        (b'"half \\ud83d"', "half \ud83d"),
        (b'"pair \\ud83d\\ude00"', "pair \U0001f600"),
        (b"\xef\xbb\xbf[1]", [1]),
        (b"[1" + b"0" * 30 + b"]", [1e30]),
        (b"[NaN, 1" + b"0" * 5000 + b"]", [None, None]),
    ],
)
def test_reads_what_strict_json_forbids(data: bytes, value: Any) -> None:
    assert untrusted.loads(data) == value


@pytest.mark.parametrize("data", [b"", b"{", b"hello", b"\xff", b'{"a": }', b"[NaN" * 3000])
def test_raises_for_what_is_no_json_at_all(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 — whatever its words
        untrusted.loads(data)


@pytest.mark.parametrize("piece", [b"[],", b"{},", b"1,", b"[[[],[]]],"])
def test_raises_for_json_of_too_many_pieces(piece: bytes) -> None:
    with pytest.raises(ValueError, match="too many"):
        untrusted.loads(b"[" + piece * 8_000_001 + b"1]")


def test_reads_a_long_text() -> None:
    assert len(untrusted.loads(b'"' + b"a, {" * 200_000 + b'"')) == 800_000


@pytest.mark.parametrize("value", [b"1", b"NaN"])
def test_leaves_out_what_is_nested_too_deeply(value: bytes) -> None:
    read = untrusted.loads(b"[" * 300 + value + b"]" * 300)

    depth = 0
    while isinstance(read, list):
        depth, read = depth + 1, read[0]
    assert (depth, read) == (untrusted.MAX_DEPTH, None)


def test_text_joins_pairs_and_replaces_halves() -> None:
    assert untrusted.text("\ud83d\ude00 \ud83d \x00 é") == "\U0001f600 \ufffd \ufffd é"


def test_text_is_cut_where_it_is_too_long() -> None:
    assert untrusted.text("é" * 300, most=200) == "é" * 200


@pytest.mark.parametrize(
    ("given_", "so_far", "half"),
    [
        ("hi", "hi", ""),
        ("", "", ""),
        ("hi \ud83d", "hi ", "\ud83d"),
        ("\ud83d", "", "\ud83d"),
        ("\ud83d\ude00", "\U0001f600", ""),
        ("\ude00 \ud83d \x00", "\ufffd \ufffd \ufffd", ""),
        ("\ud83d\ud83d", "\ufffd", "\ud83d"),
    ],
)
def test_holds_back_half_a_pair_of_a_text_that_goes_on(given_: str, so_far: str, half: str) -> None:
    assert untrusted.text_so_far(given_) == (so_far, half)


def test_leaves_what_is_plain_as_it_is() -> None:
    value = {"a": [{"b": "é"}, 1, None, 0.5]}

    assert untrusted.storable(value) is value


def test_does_not_look_into_lists_of_numbers() -> None:
    numbers = [0.5, 1, None, True] * 3
    read = untrusted.loads(orjson.dumps([numbers] * 100))

    assert read == [numbers] * 100
    assert untrusted.storable([numbers, "\ud83d"])[0] is numbers


@given(JSON_VALUES)
def test_whatever_is_read_can_be_written_and_stored(value: Any) -> None:
    written = orjson.dumps(untrusted.storable(untrusted.loads(json.dumps(value).encode())))

    assert b"\\u0000" not in written.replace(b"\\\\", b"")


@given(st.binary())
def test_raises_nothing_but_value_error_for_any_bytes(data: bytes) -> None:
    try:
        orjson.dumps(untrusted.storable(untrusted.loads(data)))
    except ValueError:
        return
