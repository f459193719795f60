"""What a turn asks with: its own options before the preset's."""

from typing import Any

import orjson
import pytest

from conversations.services.runs import records


@pytest.mark.parametrize(
    ("preset", "own", "options"),
    [
        ({"top_p": 0.5}, {"top_p": 1, "n": 2}, {"top_p": 1, "n": 2}),
        ({"max_completion_tokens": 99}, {}, {"max_completion_tokens": 99}),
        ({"max_completion_tokens": 99, "top_p": 1}, {"max_tokens": 5}, {"max_tokens": 5, "top_p": 1}),
        ({"max_tokens": 99}, {"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
        ({"max_tokens": 99, "max_completion_tokens": 5}, {}, {"max_completion_tokens": 5}),
        ({"model": "gpt-4", "messages": [], "stream": False}, {}, {}),
        (
            {"thinking": 1, "top_k": 2},
            {"extra_body": {"thinking": 3}},
            {"extra_body": {"thinking": 3, "top_k": 2}},
        ),
    ],
)
def test_the_turns_own_options_win(preset: dict[str, Any], own: dict[str, Any], options: dict[str, Any]) -> None:
    request = orjson.dumps({"messages": [], "options": own}).decode()

    inputs = records.load_prompt_inputs(request=request, messages="[]", parameters=orjson.dumps(preset).decode())

    assert inputs.options == options
