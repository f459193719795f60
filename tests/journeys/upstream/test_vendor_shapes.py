"""Journey: responses that vendors have sent, as callers of each family get them, and the turn after them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests import cases
from tests.cases import VENDOR_SHAPES
from tests.fakes.replies import Json
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import NDJSON, Api, new_id
from tests.journeys.clients.openai import Chat, answer

SHAPES = [pytest.param(shape, id=shape["name"]) for shape in VENDOR_SHAPES]


@pytest.fixture
def upstream(upstream: FakeUpstream, shape: Json) -> FakeUpstream:
    """Answers with the shape whenever it is asked for it, and normally otherwise."""
    upstream.on_text("What now?", cases.reply(shape))
    return upstream


def _tools(body: Json) -> list[list[Any]]:
    calls = body["choices"][0]["message"]["tool_calls"]
    assert len({call["id"] for call in calls}) == len(calls)
    return [[call["function"]["name"], json.loads(call["function"]["arguments"])] for call in calls]


def _usage(body: Json) -> dict[str, int]:
    usage = body["usage"]
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    return {
        "prompt": usage["prompt_tokens"],
        "completion": usage["completion_tokens"],
        "total": usage["total_tokens"],
        "cached": cached,
    }


def _comparable(found: Any, wanted: Any) -> Any:
    """A number is a count; of usage only what the vendor sent is compared."""
    if isinstance(wanted, dict):
        return {name: found[name] for name in wanted}
    return len(found) if isinstance(wanted, int) else found


FOUND: dict[str, Callable[[Json], Any]] = {
    "text": lambda body: body["choices"][0]["message"]["content"],
    "finish": lambda body: body["choices"][0]["finish_reason"],
    "tools": _tools,
    "usage": _usage,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_openai_family_gets_the_intended_answer(chat: Chat, upstream: FakeUpstream, shape: Json) -> None:
    response = chat.ask("What now?", headers={"X-Conversation-Id": (thread := new_id())})

    if "error" in shape["expect"]:
        assert response.status_code == 500
        assert response.json()["error"]["message"]
    else:
        body = answer(response)
        for name, wanted in shape["expect"].items():
            assert _comparable(FOUND[name](body), wanted) == wanted
    answer(chat.ask("And then?", headers={"X-Conversation-Id": thread}))


@pytest.mark.parametrize("shape", SHAPES)
def test_aichat_gets_the_text_or_an_error(api: Api, upstream: FakeUpstream, shape: Json) -> None:
    whole = api.ask("What now?", id=(thread := new_id()))
    lines = api.ask("What now?", id=thread, accept=NDJSON)

    if "error" in shape["expect"]:
        assert [response.json()["error"]["code"] for response in (whole, lines)] == ["chat_error"] * 2
    else:
        assert whole.status_code == lines.status_code == 200
        # An answer with usage may have any text; one with tool calls has none.
        words = shape["expect"].get("text", "hello" if "usage" in shape["expect"] else "")
        assert (whole.json()["answer"], json.loads(lines.text.splitlines()[-1])["answer"]) == (words, words)
    assert api.ask("And then?", id=thread).status_code == 200
