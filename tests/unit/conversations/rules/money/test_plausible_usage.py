"""What a vendor may report, and what no answer can have used."""

import pytest

from conversations.rules.money.plausible_usage import MOST_WINDOWS, is_plausible
from providers.catalog import Target
from providers.messages import ChatRequest, CompletionRequest, EmbeddingRequest, Request, Usage

WINDOW = 1000
TARGET = Target("v", "V", "openai", "http://v", "m", context_window=WINDOW)
CHAT = ChatRequest("m", ())
MOST = MOST_WINDOWS * WINDOW


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(0, 0), False),
        (Usage(1, 0), True),
        (Usage(0, 1), True),
        (Usage(MOST - 1, 1), True),
        (Usage(MOST, 1), False),
        (Usage(1, 10**9), False),
        (Usage(10**15, 1), False),
    ],
)
def test_an_answer_takes_some_windows_at_most(usage: Usage, expected: bool) -> None:
    assert is_plausible(usage, request=CHAT, target=TARGET, prompt_tokens=10) is expected


@pytest.mark.parametrize(
    ("request_", "prompt_tokens", "times"),
    [
        (ChatRequest("m", (), {"n": 3}), 10, 3),
        (CompletionRequest("m", ("a", "b"), {"best_of": 4}), 10, 8),
        # Two thousand texts to make vectors of are no single window.
        (EmbeddingRequest("m", ("a", "b")), 5 * WINDOW, 5),
    ],
)
def test_several_answers_take_several_times_as_much(request_: Request, prompt_tokens: int, times: int) -> None:
    most = Usage(times * MOST, 0)

    assert is_plausible(most, request=request_, target=TARGET, prompt_tokens=prompt_tokens)
    assert not is_plausible(Usage(times * MOST, 1), request=request_, target=TARGET, prompt_tokens=prompt_tokens)
