"""Whatever bytes a vendor streams, a run costs neither less than nothing nor more than its model could have used."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conversations.rules.money import bills
from conversations.rules.money.plausible_usage import MOST_WINDOWS, is_plausible
from conversations.values.money import Bill, Terms
from providers import serialization
from providers.assembly import Assembler
from providers.calls.answer_body import EventStream
from providers.catalog import Target
from providers.errors import ProviderError
from providers.messages import ChatRequest, Usage
from providers.protocols.openai import usage as openai_usage
from providers.protocols.openai.chat.response import ChatReader
from tests.fakes.replies import chunk, event
from tests.unit.conversations.rules.prices.price_rows import JULY, prices, row

WINDOW = 1000
TARGET = Target("v", "V", "openai", "http://v", "m", context_window=WINDOW)
REQUEST = ChatRequest("m", ())
# A dollar for each token of any kind, ten for a search.
PRICES = prices(*(row(kind, "1000000") for kind in ("input", "output", "reasoning", "cache_read")), row("search", "10"))
MOST = MOST_WINDOWS * WINDOW + 10 * openai_usage.MAX_SEARCHES
TERMS = Terms(JULY, Decimal(1), Decimal(0))

NAMES = (
    *("prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens", "reasoning_tokens"),
    *("cached_tokens", "prompt_cache_hit_tokens", "prompt_cache_miss_tokens", "cache_read_input_tokens"),
    *("cache_creation_input_tokens", "num_search_queries", "prompt_tokens_details", "completion_tokens_details"),
    *("cost", "server_tool_use", "\x00", "cache_creation"),
)
sensible = st.integers(0, WINDOW)
junk = st.recursive(
    st.one_of(
        *(sensible, st.integers(), st.just(10**30), st.just(10**15), st.floats(), st.booleans(), st.none()),
        *(st.text(max_size=4), st.sampled_from(["NaN", "-1", "1e400", "\x00", "\ud800", "7", "7.5"])),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
reports = st.dictionaries(st.sampled_from(NAMES), sensible | sensible | junk, max_size=6) | junk


def text_chunk(usage: Any) -> dict[str, Any]:
    return {**chunk({"content": "Hello"}), "usage": usage}


def choice_chunk(usage: Any) -> dict[str, Any]:
    whole = chunk({"content": "Hello"})
    return {**whole, "choices": [{**whole["choices"][0], "usage": usage}]}


def late_chunk(usage: Any) -> dict[str, Any]:
    return {**chunk({}), "choices": [], "usage": usage}


END = chunk({}, finish="stop")
pieces = st.lists(st.builds(text_chunk, reports) | st.builds(choice_chunk, reports), min_size=1, max_size=3)
streams = st.builds(
    lambda begun, late, done: [*begun, END, *late, *(["[DONE]"] if done else [])],
    pieces,
    st.lists(st.builds(late_chunk, reports), max_size=3),
    st.booleans(),
)


def encoded(payload: Any) -> bytes:
    """As a vendor may write it: with NaN, and halves of surrogate pairs."""
    return event(payload if isinstance(payload, str) else json.dumps(payload))


def split(data: bytes, at: int) -> Iterator[bytes]:
    yield data[:at]
    yield data[at:]


def drafted(payloads: list[Any], *, cut_at: int) -> tuple[Assembler, ChatReader]:
    """What a worker has of the answer, whether or not it came to its end."""
    draft, reader = Assembler(), ChatReader(vendor="v", display_name="V")
    stream = EventStream(reader, display_name="V")
    data = b"".join(map(encoded, payloads))
    try:
        for piece in split(data, cut_at % len(data)):
            for found in stream.feed(piece):
                draft.add(found)
        for found in [*stream.close(), *reader.finish()]:
            draft.add(found)
    except ProviderError:
        pass
    return draft, reader


def billed(usage: Usage) -> Bill:
    bill = bills.of_usage(usage, PRICES, TERMS, vendor="v", model="m")
    assert bill is not None
    return bill


@given(streams, st.integers(0, 10_000))
def test_a_report_that_is_believed_costs_something_that_is_possible(payloads: list[Any], cut_at: int) -> None:
    draft, reader = drafted(payloads, cut_at=cut_at)

    for usage in filter(None, (draft.usage, reader.usage_so_far)):
        stored = json.loads(json.dumps(serialization.dump_usage(usage)))
        assert serialization.load_usage(stored) == usage
        if is_plausible(usage, request=REQUEST, target=TARGET, prompt_tokens=10):
            bill = billed(usage)
            assert 0 <= bill.cost <= MOST
            assert bill.explanation is not None
            assert all(line["units"] > 0 for line in bill.explanation["lines"])
            assert "\\u0000" not in json.dumps(bill.explanation)


@given(st.lists(sensible, min_size=1, max_size=5), st.integers(0, 10_000))
def test_counts_that_grow_with_each_piece_are_not_added_up(steps: list[int], cut_at: int) -> None:
    """As xAI sends them."""
    totals = [sum(steps[: place + 1]) + 1 for place in range(len(steps))]
    growing = [text_chunk({"prompt_tokens": 7, "completion_tokens": total}) for total in totals]

    draft, _ = drafted([*growing, END, "[DONE]"], cut_at=cut_at)

    assert draft.usage == Usage(7, totals[-1])


@given(sensible, sensible, sensible, st.integers(0, 10_000))
def test_anthropics_counts_through_a_gateway_are_all_part_of_the_prompt(
    fresh: int, read: int, written: int, cut_at: int
) -> None:
    """`input_tokens` is what was neither read from the cache nor written to it; the last report has only the answer."""
    first = {"input_tokens": fresh, "cache_read_input_tokens": read, "cache_creation_input_tokens": written}

    draft, _ = drafted(
        [text_chunk({**first, "output_tokens": 1}), END, late_chunk({"output_tokens": 50}), "[DONE]"], cut_at=cut_at
    )

    assert draft.usage is not None
    assert (draft.usage.prompt_tokens, draft.usage.completion_tokens) == (fresh + read + written, 50)
