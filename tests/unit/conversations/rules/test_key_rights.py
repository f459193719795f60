"""What a key may do, and when one key may do all that another may."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rules import key_rights
from conversations.rules.key_rights import KeyRights
from conversations.values.callers import Limits

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NONE = KeyRights(scopes=(), models=(), expires_at=None, limits=Limits())
PATTERNS = st.text("ab*", min_size=1, max_size=8)
NAMES = st.text("ab", max_size=8)


def test_a_key_without_scopes_speaks_every_family_and_manages_no_keys() -> None:
    assert all(key_rights.may_speak((), family) for family in ("aichat", "openai", "yuju", "api"))
    assert not key_rights.may_speak((), "keys")


def test_a_key_with_scopes_has_those_alone() -> None:
    assert [scope for scope in key_rights.SCOPES if key_rights.may_speak(("openai", "keys"), scope)] == [
        "openai",
        "keys",
    ]


@pytest.mark.parametrize(
    ("pattern", "model", "fits"),
    [
        ("gpt-4o", "gpt-4o", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-*", "gpt-4o", True),
        ("*mini", "gpt-4o-mini", True),
        ("gpt-*-mini", "gpt-mini", False),
        ("*", "", True),
        ("a*a", "a", False),
        ("a*b*c", "abbc", True),
        ("a?c", "abc", False),
        ("[ab]", "a", False),
        ("GPT-*", "gpt-4o", False),
    ],
)
def test_a_star_is_any_characters_and_nothing_else_is_special(pattern: str, model: str, fits: bool) -> None:
    assert key_rights.may_use([pattern], model) is fits


@given(PATTERNS, NAMES)
def test_patterns_match_as_everywhere_else(pattern: str, name: str) -> None:
    assert key_rights.may_use([pattern], name) is fnmatchcase(name, pattern)


@given(PATTERNS, PATTERNS, NAMES)
def test_a_pattern_that_covers_another_has_all_its_names(wide: str, narrow: str, name: str) -> None:
    if key_rights.may_use([wide], narrow) and key_rights.may_use([narrow], name):
        assert key_rights.may_use([wide], name)


def test_the_worst_pattern_costs_little() -> None:
    patterns = ["*a" * 99 + "*b"] * key_rights.PATTERNS_MAX
    began = time.process_time()

    assert not key_rights.may_use(patterns, "a" * 200)

    assert time.process_time() - began < 0.1


@pytest.mark.parametrize("bad", ["", "a b", "é", "x" * 201, "a\x00", "\n"], ids=repr)
def test_a_pattern_is_visible_ascii(bad: str) -> None:
    assert key_rights.pattern_problem(bad)


def test_a_key_covers_one_like_itself() -> None:
    rights = KeyRights(("openai", "keys"), ("gpt-*",), NOW, Limits(10, 0, 5))

    assert rights.cover(rights)


@pytest.mark.parametrize(
    "weaker",
    [
        replace(NONE, scopes=("openai",)),
        replace(NONE, models=("gpt-*",)),
        replace(NONE, expires_at=NOW),
        replace(NONE, limits=Limits(requests_per_minute=10)),
        replace(NONE, limits=Limits(tokens_per_minute=10)),
        replace(NONE, limits=Limits(concurrent_runs=10)),
    ],
)
def test_a_weaker_key_is_covered_and_does_not_cover(weaker: KeyRights) -> None:
    assert NONE.cover(weaker)
    assert not weaker.cover(NONE)


@pytest.mark.parametrize(
    "stronger",
    [
        replace(NONE, scopes=("keys",)),
        replace(NONE, is_operator=True),
    ],
)
def test_what_a_key_without_scopes_does_not_cover(stronger: KeyRights) -> None:
    assert not NONE.cover(stronger)


def test_more_of_anything_is_not_covered() -> None:
    rights = KeyRights(("openai",), ("gpt-*", "o3"), NOW, Limits(10, 10, 10))

    assert not rights.cover(replace(rights, scopes=("openai", "api")))
    assert not rights.cover(replace(rights, models=("gpt-4o", "*")))
    assert not rights.cover(replace(rights, models=()))
    assert not rights.cover(replace(rights, expires_at=NOW + timedelta(seconds=1)))
    assert not rights.cover(replace(rights, limits=Limits(10, 10, 11)))
    assert not rights.cover(replace(rights, limits=Limits(10, 0, 10)))
    assert rights.cover(replace(rights, models=("gpt-4*", "o3"), limits=Limits(1, 1, 1)))
