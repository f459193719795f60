import json
from dataclasses import replace

from conversations.dialects.openai.dialect import DIALECT
from conversations.errors import RunCancelled, UpstreamFailed
from conversations.values.requests import Operation
from providers.events import ChoiceFinished, EmbeddingMade, TextDelta, ToolCallDelta
from tests.unit.conversations.dialects.openai.reply_context import CANCELLED, COMPLETED, FAILED, context, run


def test_a_replayed_answer_is_written_in_the_form_of_its_route() -> None:
    text = run([TextDelta("b", 1), TextDelta("a"), ChoiceFinished("stop"), ChoiceFinished("length", 1)], COMPLETED)
    vector = run([EmbeddingMade("AAAAPw==")], COMPLETED)
    given = {Operation.CHAT: text, Operation.COMPLETION: text, Operation.EMBEDDING: vector}

    replayed = {kind: DIALECT.replay(replace(context(), operation=kind), events) for kind, events in given.items()}

    chat, completion, embedding = (json.loads(answer) for answer in replayed.values() if isinstance(answer, bytes))
    assert (chat["object"], [choice["message"]["content"] for choice in chat["choices"]]) == (
        "chat.completion",
        ["a", "b"],
    )
    assert (completion["object"], [choice["text"] for choice in completion["choices"]]) == (
        "text_completion",
        ["a", "b"],
    )
    assert embedding["data"] == [{"object": "embedding", "index": 0, "embedding": [0.5]}]
    assert chat["usage"]["total_tokens"] == completion["usage"]["total_tokens"] == 21
    assert embedding["usage"] == {"prompt_tokens": 9, "total_tokens": 9}


def test_a_run_without_an_answer_is_replayed_as_its_error() -> None:
    assert isinstance(DIALECT.replay(context(), run([TextDelta("Hel")], FAILED)), UpstreamFailed)
    assert isinstance(DIALECT.replay(context(), run([], CANCELLED)), RunCancelled)


def test_what_a_stopped_run_had_made_counts_also_where_it_is_no_text() -> None:
    replayed = DIALECT.replay(context(), run([ToolCallDelta(0, "call_1", "look", "{")], CANCELLED))

    assert isinstance(replayed, bytes)
    assert json.loads(replayed)["choices"][0]["finish_reason"] == "stop"
