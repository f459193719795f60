"""API keys: how they are made, hashed, shown and checked."""

import hashlib
import re

import pytest

from conversations.rules import api_keys


def test_makes_long_random_keys_that_never_repeat() -> None:
    keys = {api_keys.new_key() for _ in range(100)}

    assert len(keys) == 100
    assert all(re.fullmatch(r"sk-[A-Za-z0-9_-]{43}", key) for key in keys)
    assert all(api_keys.problem(key) == "" for key in keys)


def test_a_key_is_known_by_its_sha256() -> None:
    assert api_keys.hash_key("sk-abc") == hashlib.sha256(b"sk-abc").digest()
    assert len(api_keys.hash_key("sk-abc")) == 32


@pytest.mark.parametrize("nonsense", ["", "é", "\ud83d", "\x00", "k" * 10_000])
def test_whatever_a_caller_sends_has_a_hash(nonsense: str) -> None:
    assert len(api_keys.hash_key(nonsense)) == 32


@pytest.mark.parametrize(
    ("key", "shown"),
    [("sk-0123456789" * 4, "sk-01234"), ("a" * 20, "a" * 5), ("abcdefgh", "ab"), ("abc", ""), ("", "")],
)
def test_shows_at_most_eight_letters_and_a_quarter(key: str, shown: str) -> None:
    assert api_keys.prefix(key) == shown


@pytest.mark.parametrize("key", ["k" * 20, "!~" * 10, "sk-" + "A9_-" * 10])
def test_takes_an_operators_key_that_a_header_can_carry(key: str) -> None:
    assert api_keys.problem(key) == ""


@pytest.mark.parametrize("key", ["", "k" * 19, "k" * 20 + " ", "k k" * 10, "k" * 20 + "\n", "ключ" * 10, "k\x7f" * 10])
def test_says_what_is_wrong_with_any_other(key: str) -> None:
    assert api_keys.problem(key) == "must be 20 to 1000 visible ASCII characters, without spaces"
