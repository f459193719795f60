"""What a turn asks to be looked up, in all families."""

from typing import Any

import pytest

from conversations.dialects import context_asked
from conversations.errors import InvalidRequest
from conversations.values.context import source_records
from conversations.values.context.sources import ContextAsked


@pytest.mark.parametrize(
    ("knowledge", "asked"),
    [
        (None, None),
        ("", None),
        ([], None),
        ("kb_1", ContextAsked(("kb_1",))),
        (["kb_2", "kb_1", "", "kb_2"], ContextAsked(("kb_2", "kb_1"))),
    ],
)
def test_knowledge_is_one_base_or_a_list(knowledge: Any, asked: ContextAsked | None) -> None:
    assert context_asked.parse(knowledge) == asked


@pytest.mark.parametrize("knowledge", [5, {}, [5], ["kb\x00"], ["k" * 41], ["kb"] * 17, ["kb\ud800"]])
def test_what_can_be_no_base_is_refused(knowledge: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        context_asked.parse(knowledge)

    assert refused.value.param == "knowledge"


@pytest.mark.parametrize(
    ("options", "size", "country"),
    [
        ({}, "medium", ""),
        ({"search_context_size": "high"}, "high", ""),
        ({"user_location": {"type": "approximate", "approximate": {"country": "de", "city": "Ulm"}}}, "medium", "DE"),
        ({"search_context_size": None, "user_location": None, "x": [None]}, "medium", ""),
        ({"user_location": {"type": "approximate", "approximate": None}}, "medium", ""),
        ({"user_location": {"type": "approximate", "approximate": {"country": None}}}, "medium", ""),
        # As the tool of OpenAI's Responses and other vendors have it.
        ({"user_location": {"type": "approximate", "country": "fr"}}, "medium", "FR"),
    ],
)
def test_web_search_options_ask_for_a_search(options: Any, size: Any, country: str) -> None:
    assert context_asked.parse(None, web_search_options=options) == ContextAsked((), True, size, country)


def test_no_options_ask_for_none() -> None:
    assert context_asked.parse(None, web_search_options=None) is None


@pytest.mark.parametrize(
    ("model", "searches"),
    [
        ("gpt-4o-search-preview", True),
        ("deepseek-SEARCH", True),
        ("search", True),
        ("gpt-4o", False),
        ("o3-deep-research", False),
        ("", False),
    ],
)
def test_a_model_that_is_named_for_it_searches(model: str, searches: bool) -> None:
    assert context_asked.of_model(None, model) == (ContextAsked(search=True) if searches else None)
    with_base = context_asked.of_model(ContextAsked(("kb_1",)), model)
    assert with_base == ContextAsked(("kb_1",), search=searches)


@pytest.mark.parametrize(
    "asked",
    [ContextAsked(("kb_1", "kb_2")), ContextAsked(search=True), ContextAsked(("kb_1",), True, "high", "DE")],
)
def test_is_the_same_when_it_is_read_from_its_row(asked: ContextAsked) -> None:
    assert source_records.load_asked(source_records.dump_asked(asked)) == asked
