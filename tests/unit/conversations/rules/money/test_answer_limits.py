"""What a vendor is told of how long an answer may be."""

from typing import Any

import pytest

from conversations.rules.money import answer_limits
from providers.assembly import Assembler
from providers.catalog import Target
from providers.events import ChoiceFinished, UsageReported
from providers.messages import ChatRequest, CompletionRequest, EmbeddingRequest, Request, Usage


def target(**more: Any) -> Target:
    return Target("v", "V", "openai", "http://v", "m", context_window=8000, max_output_tokens=2000, **more)


def chat(**options: Any) -> ChatRequest:
    return ChatRequest("m", (), options)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (chat(), 2000),
        (chat(max_tokens=300), 300),
        (chat(max_completion_tokens=300), 300),
        (chat(max_tokens=9000), 2000),
        (chat(n=3, max_tokens=300), 900),
        (CompletionRequest("m", ("a", "b"), {"n": 2, "best_of": 5, "max_tokens": 10}), 100),
        (EmbeddingRequest("m", ("a", "b")), 0),
    ],
)
def test_knows_how_long_the_answers_may_be(request_: Request, expected: int) -> None:
    assert answer_limits.most_tokens(request_, target()) == expected


def test_without_a_known_limit_an_answer_may_fill_the_window() -> None:
    unknown = Target("v", "V", "openai", "http://v", "m", context_window=8000, max_output_tokens=0)

    assert answer_limits.most_tokens(chat(), unknown) == 8000


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"max_completion_tokens": 120}),
        ({"seed": 7}, {"seed": 7, "max_completion_tokens": 120}),
        ({"max_tokens": 121}, {"max_tokens": 120}),
        ({"max_completion_tokens": 500}, {"max_completion_tokens": 120}),
        ({"max_tokens": 500, "max_completion_tokens": 200}, {"max_tokens": 120, "max_completion_tokens": 120}),
        ({"max_tokens": None}, {"max_tokens": None, "max_completion_tokens": 120}),
    ],
)
def test_lowers_the_limit_of_a_chat_or_gives_it_one(given: dict[str, Any], expected: dict[str, Any]) -> None:
    request, limit = answer_limits.limited(chat(**given), target(), affordable_tokens=120)

    assert (request.options, limit) == (expected, 120)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_leaves_a_limit_that_is_low_enough(name: str) -> None:
    asked = chat(**{name: 120})

    assert answer_limits.limited(asked, target(), affordable_tokens=120) == (asked, None)


def test_lowers_the_limit_that_a_models_public_name_has() -> None:
    named = target(options={"max_tokens": 500})

    request, limit = answer_limits.limited(chat(), named, affordable_tokens=120)

    assert (request.options, limit) == ({"max_tokens": 120}, 120)
    assert answer_limits.limited(chat(), named, affordable_tokens=500) == (chat(), None)


def test_shares_what_is_affordable_among_the_answers() -> None:
    request, limit = answer_limits.limited(chat(n=4), target(), affordable_tokens=120)

    assert (request.options, limit) == ({"n": 4, "max_completion_tokens": 30}, 30)


def test_the_least_limit_is_one_token() -> None:
    assert answer_limits.limited(chat(n=4), target(), affordable_tokens=0)[1] == 1


def test_gives_a_continued_text_no_limit_of_ours() -> None:
    """Vendors continue by 16 tokens unless they are told how many."""
    asked = CompletionRequest("m", ("a",), {})
    limited = CompletionRequest("m", ("a",), {"max_tokens": 500})

    assert answer_limits.limited(asked, target(), affordable_tokens=120) == (asked, None)
    assert answer_limits.limited(limited, target(), affordable_tokens=120)[0].options == {"max_tokens": 120}


@pytest.mark.parametrize(
    ("reason", "usage", "expected"),
    [
        ("length", None, True),
        ("length", Usage(10, 100), True),
        ("max_tokens", Usage(10, 90), True),
        # The window was full, or the vendor has a limit of its own.
        ("length", Usage(10, 50), False),
        ("stop", Usage(10, 100), False),
        ("stop", None, False),
    ],
)
def test_sees_that_an_answer_ended_because_of_our_limit(reason: str, usage: Usage | None, expected: bool) -> None:
    draft = Assembler()
    draft.add(ChoiceFinished(reason))
    if usage:
        draft.add(UsageReported(usage))

    assert answer_limits.is_reached(draft, 100) is expected
