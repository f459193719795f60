import json
from typing import Any

import pytest

from providers.assembly import Assembler
from providers.errors import UpstreamCut, UpstreamGarbled, UpstreamRateLimited
from providers.events import CallStarted, ChoiceFinished, StreamEvent, TextDelta, UsageReported
from providers.messages import Usage
from providers.protocols.openai.completions.response import CompletionReader
from tests.fakes.replies import text_chunk, text_completion, tokens

START = CallStarted("req", "fake-model", {"v": {"id": "cmpl-fake"}})


def reader() -> CompletionReader:
    return CompletionReader(vendor="v", display_name="V", request_id="req")


def read(*payloads: Any) -> list[StreamEvent]:
    found = reader()
    events = [event for payload in payloads for event in found.read(json.dumps(payload).encode())]
    return events + found.finish()


def test_reads_texts_choice_by_choice() -> None:
    usage = {**text_chunk(""), "choices": [], "usage": tokens(3, 4)}

    events = read(
        text_chunk("Hel"), text_chunk("x", choice=1), text_chunk("lo"), text_chunk("", finish="length"),
        text_chunk("", finish="stop", choice=1), usage,
    )  # fmt: skip

    assert events == [
        START,
        TextDelta("Hel"),
        TextDelta("x", 1),
        TextDelta("lo"),
        ChoiceFinished("length"),
        ChoiceFinished("stop", 1),
        UsageReported(Usage(3, 4)),
    ]


def test_reads_a_last_chunk_with_text_and_finish_reason() -> None:
    assert read(text_chunk("Hi", finish="stop")) == [START, TextDelta("Hi"), ChoiceFinished("stop")]


def test_keeps_logprobs_in_their_older_shape() -> None:
    first = {"tokens": ["a"], "token_logprobs": [-0.1], "top_logprobs": [{"a": -0.1}], "text_offset": [0]}
    second = {"tokens": ["b"], "token_logprobs": [-0.2], "top_logprobs": [{"b": -0.2}], "text_offset": [1]}
    assembler = Assembler()

    for event in read(text_chunk("a", logprobs=first), text_chunk("b", logprobs=second, finish="stop")):
        assembler.add(event)

    assert assembler.answer().logprobs == {
        "tokens": ["a", "b"],
        "token_logprobs": [-0.1, -0.2],
        "top_logprobs": [{"a": -0.1}, {"b": -0.2}],
        "text_offset": [0, 1],
    }


def test_keeps_what_the_vendor_says_beside_the_text() -> None:
    events = read(text_chunk("a", stop_reason=None, prompt_logprobs=[1]), text_chunk("", finish="stop", token_ids=[7]))

    assert events[-1] == ChoiceFinished("stop", 0, {"v": {"prompt_logprobs": [1], "token_ids": [7]}})


def test_reads_a_whole_completion_as_the_same_events() -> None:
    found = reader()

    events = found.read_whole(json.dumps(text_completion("a", "b", usage=tokens(1, 2))).encode()) + found.finish()

    assert events == [
        START,
        TextDelta("a"),
        ChoiceFinished("stop"),
        TextDelta("b", 1),
        ChoiceFinished("stop", 1),
        UsageReported(Usage(1, 2)),
    ]


def test_knows_a_cut_answer() -> None:
    with pytest.raises(UpstreamCut):
        read(text_chunk("a"))


def test_raises_an_error_object_inside_a_stream() -> None:
    with pytest.raises(UpstreamRateLimited):
        read(text_chunk("a"), {"error": {"message": "slow", "code": 429}})


@pytest.mark.parametrize("body", [b"{}", b"[]", b"nope"])
def test_refuses_a_whole_body_that_is_no_completion(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        reader().read_whole(body)


@pytest.mark.parametrize("odd", [{"choices": [{}]}, {"choices": [{"text": None}]}, {"choices": [{"text": {}}]}])
def test_survives_odd_shapes(odd: dict[str, Any]) -> None:
    assert [type(event) for event in reader().read(json.dumps(odd).encode())] == [CallStarted]
