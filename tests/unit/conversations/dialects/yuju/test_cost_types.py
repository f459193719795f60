"""Of which type the lines of a run's cost are."""

from typing import Any

from conversations.dialects.yuju.cost_types import CostType, of_lines

MODEL = {"vendor": "openai", "model": "gpt-4o-mini"}
EMBEDDING = {"vendor": "openai", "model": "text-embedding-3-small"}
ENGINE = {"vendor": "brave", "model": "search"}


def test_a_call_for_intents_is_of_tokens_and_a_vector_is_not() -> None:
    lines: list[dict[str, Any]] = [
        {"kind": "input", "beside": EMBEDDING},
        {"kind": "call", "beside": EMBEDDING},
        {"kind": "input", "beside": MODEL},
        {"kind": "output", "beside": MODEL},
        {"kind": "call", "beside": MODEL},
        {"kind": "search", "beside": ENGINE},
        {"kind": "input"},
        {"kind": "output"},
    ]

    token = CostType.TOKEN
    assert of_lines(lines) == [
        CostType.KNOWLEDGE,
        CostType.KNOWLEDGE,
        token,
        token,
        token,
        CostType.PLUGINS,
        token,
        token,
    ]
