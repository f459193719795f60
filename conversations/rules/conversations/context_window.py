"""How much of a conversation's history is sent to the model: the newest whole turns that fit. All counts are tokens.

The preset and the new turn are always sent, whatever their size. If they alone seem too large, the vendor decides.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from providers.messages import Message, Role, TextPart, ToolCallPart, ToolResultPart

# Our counts are estimates, and vendors add framing of their own. So this share of the window stays empty.
SAFETY_SHARE = 0.125
# Reserved for an answer when the caller did not limit its length.
DEFAULT_OUTPUT_TOKENS = 8192
DEFAULT_OUTPUT_SHARE = 0.25
# After the vendor refused a prompt as too long, the next one has at most this share of its tokens.
RETRY_SHRINK = 0.6


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One message of the history. `calls` and `results` are the ids of its tool calls and tool results."""

    role: Role
    tokens: int
    calls: tuple[str, ...] = ()
    results: tuple[str, ...] = ()

    @classmethod
    def of(cls, message: Message, *, tokens: int) -> "HistoryItem":
        if len(message.parts) == 1 and isinstance(message.parts[0], TextPart):
            return cls(message.role, tokens)
        return cls(
            role=message.role,
            tokens=tokens,
            calls=tuple(part.call_id for part in message.parts if isinstance(part, ToolCallPart)),
            results=tuple(part.call_id for part in message.parts if isinstance(part, ToolResultPart)),
        )


def messages_to_drop(
    *,
    history: Sequence[HistoryItem],
    preset_tokens: int,
    turn_tokens: int,
    window_tokens: int,
    reserved_tokens: int,
    turn_results: Collection[str] = (),
    shrink: float = 1.0,
) -> int:
    """How many of the oldest messages are left out. History is cut only where a turn begins: before a user message.

    `turn_results` are the ids of the tool calls that the new turn answers: the turns of those calls stay. `shrink`
    below 1 asks for a prompt of that share of the tokens that would be sent at 1. So a retry always sends less, if it
    can.
    """
    fixed = preset_tokens + turn_tokens
    budget = history_budget(
        preset_tokens=preset_tokens,
        turn_tokens=turn_tokens,
        window_tokens=window_tokens,
        reserved_tokens=reserved_tokens,
    )
    # The usual case, which needs no more than a sum.
    if shrink >= 1 and _total(history) <= budget:
        return 0
    cuts = _possible_cuts(history, turn_results)
    dropped = _first_that_fits(history, cuts, budget)
    if shrink >= 1:
        return dropped
    sent = fixed + _total(history[dropped:])
    return _first_that_fits(history, cuts, min(budget, int(sent * shrink) - fixed))


def messages_beyond(*, history: Sequence[HistoryItem], most: int, turn_results: Collection[str] = ()) -> int:
    """How many of the oldest messages are left out, so that at most so many are shown; cut as `messages_to_drop`.

    The turns of the calls that the new turn answers stay, whatever `most` is.
    """
    if len(history) <= most:
        return 0
    cuts = _possible_cuts(history, turn_results)
    return next((cut for cut in cuts if len(history) - cut <= most), cuts[-1])


def history_budget(*, preset_tokens: int, turn_tokens: int, window_tokens: int, reserved_tokens: int) -> int:
    """The tokens that the history may have; 0 or less when the rest fills the window."""
    return int(window_tokens * (1 - SAFETY_SHARE)) - reserved_tokens - preset_tokens - turn_tokens


def reserved_output(*, window_tokens: int, max_output_tokens: int | None, asked_tokens: int | None) -> int:
    """The tokens reserved for the answer: `asked_tokens` (the caller's `max_tokens`), or a usual answer's length.

    `max_output_tokens` is the model's own limit, where it is known.
    """
    limit = min(window_tokens, max_output_tokens or window_tokens)
    if asked_tokens is not None:
        return min(asked_tokens, limit)
    return min(DEFAULT_OUTPUT_TOKENS, int(window_tokens * DEFAULT_OUTPUT_SHARE), limit)


def _possible_cuts(history: Sequence[HistoryItem], turn_results: Collection[str]) -> list[int]:
    """The indexes at which the history may begin, from all of it to none of it; never between a call and its result."""
    pair_ends = _pair_ends([*history, HistoryItem(Role.USER, 0, results=tuple(turn_results))])
    cuts = [0]
    pair_end = 0
    for index in range(1, len(history) + 1):
        pair_end = max(pair_end, pair_ends.get(index - 1, 0))
        begins_turn = index == len(history) or history[index].role is Role.USER
        if begins_turn and pair_end < index:
            cuts.append(index)
    return cuts


def _pair_ends(items: Sequence[HistoryItem]) -> dict[int, int]:
    """By the index of a message with tool calls: the index of the last message that answers one of them."""
    latest_call: dict[str, int] = {}
    ends: dict[int, int] = {}
    for index, item in enumerate(items):
        for call_id in item.results:
            if call_id in latest_call:
                ends[latest_call[call_id]] = index
        # After the results, which belong to earlier calls: some vendors number their calls from 0 in every turn.
        for call_id in item.calls:
            latest_call[call_id] = index
    return ends


def _first_that_fits(history: Sequence[HistoryItem], cuts: Sequence[int], budget: int) -> int:
    left = _total(history)
    start = 0
    for cut in cuts:
        left -= _total(history[start:cut])
        start = cut
        if left <= budget:
            return cut
    return cuts[-1]


def _total(items: Sequence[HistoryItem]) -> int:
    return sum(item.tokens for item in items)
