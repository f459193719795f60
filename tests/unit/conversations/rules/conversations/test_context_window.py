from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rules.conversations import context_window
from conversations.rules.conversations.context_window import (
    HistoryItem,
    history_budget,
    messages_to_drop,
    reserved_output,
)
from providers.messages import Message, Role, TextPart, ToolCallPart, ToolResultPart

CALL = ("call-1",)


def user(tokens: int) -> HistoryItem:
    return HistoryItem(Role.USER, tokens)


def assistant(tokens: int, calls: tuple[str, ...] = ()) -> HistoryItem:
    return HistoryItem(Role.ASSISTANT, tokens, calls=calls)


def tool(tokens: int, results: tuple[str, ...] = CALL) -> HistoryItem:
    return HistoryItem(Role.TOOL, tokens, results=results)


def dropped(history: Sequence[HistoryItem], *, budget: int, **changes: Any) -> int:
    """With exactly `budget` tokens left for the history."""
    sizes = {"preset_tokens": 10, "turn_tokens": 20, "window_tokens": 8000, "reserved_tokens": 7000 - 30 - budget}
    return messages_to_drop(history=history, **{**sizes, **changes})


TWO_TURNS = [user(10), assistant(20), user(30), assistant(40)]


@pytest.mark.parametrize(
    ("budget", "expected"), [(1000, 0), (100, 0), (99, 2), (70, 2), (69, 4), (0, 4), (-1, 4), (-5000, 4)]
)
def test_drops_the_oldest_whole_turns_until_the_rest_fits(budget: int, expected: int) -> None:
    assert dropped(TWO_TURNS, budget=budget) == expected


def test_no_history_is_nothing_to_drop() -> None:
    assert dropped([], budget=100) == 0
    assert dropped([], budget=-100) == 0


def test_a_turn_keeps_all_that_answers_it() -> None:
    history = [user(10), assistant(10, CALL), tool(10), assistant(10), user(10), assistant(10)]

    assert [dropped(history, budget=budget) for budget in (60, 59, 20, 19)] == [0, 4, 4, 6]


def test_a_tool_call_answered_in_a_user_message_stays_with_it() -> None:
    history = [user(10), assistant(10, CALL), HistoryItem(Role.USER, 10, results=CALL), user(10)]

    assert [dropped(history, budget=budget) for budget in (40, 39, 10, 9)] == [0, 3, 3, 4]


def test_a_user_message_between_call_and_result_begins_no_turn() -> None:
    history = [user(10), assistant(10, CALL), user(10), tool(10), user(10)]

    assert dropped(history, budget=30) == 4


def test_calls_that_the_new_turn_answers_stay_even_where_there_is_no_room() -> None:
    history = [user(10), assistant(10), user(10), assistant(10, CALL)]

    assert dropped(history, budget=0, turn_results=CALL) == 2
    assert dropped(history, budget=0, turn_results=["another"]) == 4


def test_ids_counted_from_zero_in_every_turn_are_not_one_pair() -> None:
    turn = [user(10), assistant(10, ("0",)), tool(10, ("0",))]

    assert dropped([*turn, *turn, *turn], budget=35) == 6


def test_a_call_never_answered_and_a_result_never_asked_hold_nothing() -> None:
    history = [user(10), assistant(10, CALL), user(10), tool(10, ("stray",)), user(10)]

    assert dropped(history, budget=10) == 4


def test_what_stands_before_the_first_question_goes_with_the_oldest() -> None:
    assert dropped([assistant(10), user(10), assistant(10)], budget=25) == 1


def test_a_share_of_the_window_stays_free() -> None:
    budget = history_budget(preset_tokens=100, turn_tokens=50, window_tokens=8000, reserved_tokens=1000)

    assert budget == 8000 * 7 // 8 - 1000 - 150


@pytest.mark.parametrize(
    ("window", "most", "asked", "expected"),
    [
        (128_000, 16_384, None, 8192),
        (128_000, 4096, None, 4096),
        (8192, None, None, 2048),
        (128_000, 16_384, 500, 500),
        (128_000, 16_384, 99_999, 16_384),
        (8192, None, 99_999, 8192),
        (8192, 100_000, 99_999, 8192),
        (8192, None, 0, 0),
    ],
)
def test_keeps_room_for_the_answer_asked_for_or_a_usual_one(
    window: int, most: int | None, asked: int | None, expected: int
) -> None:
    assert reserved_output(window_tokens=window, max_output_tokens=most, asked_tokens=asked) == expected


def test_a_retry_sends_less_than_was_sent_even_when_the_window_seemed_wide() -> None:
    assert dropped(TWO_TURNS, budget=6000) == 0
    assert dropped(TWO_TURNS, budget=6000, shrink=context_window.RETRY_SHRINK) == 4
    assert dropped([*TWO_TURNS, user(1), assistant(1)], budget=6000, shrink=0.9) == 2


def test_a_retry_without_room_takes_nothing_back_in() -> None:
    assert dropped([user(0)], budget=-31, preset_tokens=0, turn_tokens=0) == 1
    assert dropped([user(0)], budget=-31, preset_tokens=0, turn_tokens=0, shrink=0.5) == 1


def test_an_item_knows_the_tool_calls_of_its_message() -> None:
    asks = Message(Role.ASSISTANT, (TextPart("hm"), ToolCallPart("a", "f", "{}"), ToolCallPart("b", "g", "{}")))
    answers = Message(Role.TOOL, (ToolResultPart("a", (TextPart("1"),)),))

    assert HistoryItem.of(asks, tokens=7) == HistoryItem(Role.ASSISTANT, 7, calls=("a", "b"))
    assert HistoryItem.of(answers, tokens=3) == HistoryItem(Role.TOOL, 3, results=("a",))


IDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True).map(tuple)
ITEMS = st.builds(HistoryItem, st.sampled_from(Role), st.integers(0, 50), IDS, IDS)
HISTORIES = st.lists(ITEMS, max_size=25)
SIZES = st.fixed_dictionaries(
    {
        "preset_tokens": st.integers(0, 200),
        "turn_tokens": st.integers(0, 200),
        "window_tokens": st.integers(1, 2000),
        "reserved_tokens": st.integers(0, 500),
        "turn_results": IDS,
    }
)


def pairs(history: Sequence[HistoryItem], turn_results: Sequence[str]) -> set[tuple[int, int]]:
    """Each result with the latest call of its id before it; the new turn stands at the end."""
    found: set[tuple[int, int]] = set()
    for index, results in enumerate([*(item.results for item in history), turn_results]):
        for call_id in results:
            calls = [before for before in range(index) if call_id in history[before].calls]
            found.update((before, index) for before in calls[-1:])
    return found


@given(HISTORIES, SIZES, st.floats(0.1, 1))
def test_never_halves_a_pair_and_begins_with_a_question(
    history: list[HistoryItem], sizes: dict[str, Any], shrink: float
) -> None:
    count = messages_to_drop(history=history, **sizes, shrink=shrink)

    assert 0 <= count <= len(history)
    assert not [pair for pair in pairs(history, sizes["turn_results"]) if pair[0] < count <= pair[1]]
    if 0 < count < len(history):
        assert history[count].role is Role.USER


@given(HISTORIES, SIZES)
def test_keeps_as_much_as_fits_and_no_more(history: list[HistoryItem], sizes: dict[str, Any]) -> None:
    count = messages_to_drop(history=history, **sizes)

    budget = history_budget(**{name: size for name, size in sizes.items() if name != "turn_results"})
    halved = pairs(history, sizes["turn_results"])
    allowed = [
        cut
        for cut in range(len(history) + 1)
        if (cut in (0, len(history)) or history[cut].role is Role.USER)
        and not any(start < cut <= end for start, end in halved)
    ]
    fitting = [cut for cut in allowed if sum(item.tokens for item in history[cut:]) <= budget]
    assert count == min(fitting, default=max(allowed))


@given(HISTORIES, SIZES, st.floats(0.1, 0.99))
def test_a_retry_never_sends_more_and_less_where_it_can(
    history: list[HistoryItem], sizes: dict[str, Any], shrink: float
) -> None:
    first = messages_to_drop(history=history, **sizes)
    second = messages_to_drop(history=history, **sizes, shrink=shrink)

    least = messages_to_drop(history=history, **{**sizes, "window_tokens": 0, "reserved_tokens": 1})
    kept = sum(item.tokens for item in history[first:])
    assert second >= first
    if kept and first < least:
        assert sum(item.tokens for item in history[second:]) < kept or second == least
