"""What `/v1` says of an answer's sources, checked against the SDK's own types and accumulators."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_message import Annotation

from conversations.dialects.api import sources as members
from conversations.dialects.openai.chat.parse import parse
from conversations.dialects.openai.chat.stream import ChunkStream
from conversations.dialects.openai.documents import AnswerCollector
from conversations.knowledge.citing import sourcing
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from providers.events import ChoiceFinished, StreamEvent, TextDelta
from tests import openai_types
from tests.builders.texts import sources
from tests.unit.conversations.dialects.openai.reply_context import USAGE, context, run

SAID = sources.sourced(notes={"search": "off"})
MEMBERS = members.members(SAID)
SOURCED = RunEnded(RunStatus.COMPLETED, usage=USAGE, sourced=SAID)
STOPPED = RunEnded(RunStatus.CANCELLED, error_code="run_cancelled", sourced=SAID)
FAILED = RunEnded(RunStatus.FAILED, error_code="upstream_failed", error_message="It broke.", sourced=SAID)
STOP = ChoiceFinished("stop")
ANSWER: tuple[StreamEvent, ...] = (TextDelta(sources.ANSWER[:9]), TextDelta(sources.ANSWER[9:]), STOP)
# Of what has no address there is no annotation.
ANNOTATIONS: list[Any] = [
    {
        "type": "url_citation",
        "url_citation": {"start_index": 44, "end_index": 47, "title": "巴黎", "url": "https://fr.example/tower"},
    },
    {
        "type": "url_citation",
        "url_citation": {"start_index": 84, "end_index": 87, "title": "News “today”", "url": "https://news.example/a"},
    },
]
VENDORS_ANNOTATION = {"type": "url_citation", "url_citation": {}}
VENDORS: Any = {"acme": {"annotations": [VENDORS_ANNOTATION], "mood": "good"}}


def written(items: Sequence[RunEvent], **reply: Any) -> str:
    stream = ChunkStream(context(**reply))
    return b"".join(map(stream.feed, items)).decode()


def chunks(events: Sequence[StreamEvent] = ANSWER, ended: RunEnded = SOURCED, **reply: Any) -> list[Any]:
    return openai_types.payloads(written(run(events, ended), **reply))


def document(events: Sequence[StreamEvent] = ANSWER, ended: RunEnded = SOURCED) -> Any:
    collector = AnswerCollector(context())
    for item in run(events, ended):
        collector.feed(item)
    return orjson.loads(collector.answer())


def kinds(found: list[Any]) -> list[Any]:
    """Of each chunk what its first choice says, or "usage"."""
    return [
        (sorted(body["choices"][0]["delta"]), body["choices"][0]["finish_reason"], "sources" in body)
        if body["choices"]
        else "usage"
        for body in found
    ]


def test_the_answer_in_one_piece() -> None:
    body = document()

    answer = openai_types.completion(body)
    assert answer.choices[0].message.annotations == [Annotation.model_validate(found) for found in ANNOTATIONS]
    assert openai_types.only_message(body) == {
        "role": "assistant",
        "content": sources.ANSWER,
        "refusal": None,
        "annotations": ANNOTATIONS,
    }
    assert {name: body[name] for name in ("sources", "citations", "notes")} == MEMBERS


def test_the_marks_are_where_the_annotations_say() -> None:
    found = [annotation["url_citation"] for annotation in ANNOTATIONS]

    assert [sources.ANSWER[mark["start_index"] : mark["end_index"]] for mark in found] == ["【2】", "[3]"]


def test_only_the_first_choice_has_annotations() -> None:
    body = document((*ANSWER, TextDelta("Other [1].", 1), ChoiceFinished("stop", 1)))

    assert ["annotations" in choice["message"] for choice in body["choices"]] == [True, False]


def test_a_vendors_own_annotations_come_first() -> None:
    (message,) = (openai_types.only_message(document((*ANSWER[:2], ChoiceFinished("stop", 0, VENDORS)))),)

    assert message["annotations"] == [VENDORS_ANNOTATION, *ANNOTATIONS]
    assert message["mood"] == "good"


@pytest.mark.parametrize("wants_usage", [True, False])
def test_a_stream_says_them_before_the_finish(wants_usage: bool) -> None:
    found = chunks(sources=True, include_usage=wants_usage)

    assert kinds(found) == [
        (["content", "role"], None, False),
        (["content"], None, False),
        (["content"], None, False),
        (["annotations"], None, True),
        ([], "stop", False),
        *["usage"] * wants_usage,
    ]
    said = found[3]
    assert said["choices"][0]["delta"] == {"annotations": ANNOTATIONS}
    assert {name: said[name] for name in ("sources", "citations", "notes")} == MEMBERS
    assert ("usage" in said) == wants_usage


def test_where_nobody_could_know_beforehand_they_come_after_the_finish() -> None:
    found = chunks()

    assert kinds(found)[-2:] == [([], "stop", False), (["annotations"], None, True)]


def test_the_sdks_accumulator_adds_them_up() -> None:
    state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
    for body in chunks(sources=True):
        state.handle_chunk(ChatCompletionChunk.model_validate(body))

    message = state.get_final_completion().choices[0].message

    assert message.content == sources.ANSWER
    assert message.annotations == [Annotation.model_validate(found) for found in ANNOTATIONS]


def test_a_vendors_annotations_are_in_the_same_chunk_as_ours() -> None:
    found = chunks((*ANSWER[:2], ChoiceFinished("stop", 0, VENDORS)), sources=True)

    assert found[3]["choices"][0]["delta"]["annotations"] == [VENDORS_ANNOTATION, *ANNOTATIONS]
    assert found[4]["choices"][0]["delta"] == {"mood": "good"}


def test_a_turn_that_found_nothing_has_its_chunks_in_the_same_order() -> None:
    ended = RunEnded(RunStatus.COMPLETED, usage=USAGE)

    assert chunks(ended=ended, sources=True) == chunks(ended=ended)


def test_without_sources_with_an_address_there_are_no_annotations() -> None:
    said = sourcing.of_answer("Two years [1].", (sources.MANUAL,), {})
    ended = RunEnded(RunStatus.COMPLETED, usage=USAGE, sourced=said)

    assert "annotations" not in openai_types.only_message(document(ended=ended))
    assert kinds(chunks(ended=ended, sources=True))[3] == ([], None, True)


@pytest.mark.parametrize("events", [(), (STOP,)])
def test_an_answer_without_a_word_still_says_them(events: Sequence[StreamEvent]) -> None:
    found = chunks(events, sources=True)

    assert kinds(found) == [(["content", "role"], None, False), (["annotations"], None, True), ([], "stop", False)]


def test_a_stopped_answer_says_them_and_a_failed_one_does_not() -> None:
    assert kinds(chunks(ANSWER[:2], STOPPED, sources=True))[-2:] == [(["annotations"], None, True), ([], "stop", False)]
    assert "sources" not in written(run(ANSWER[:2], FAILED), sources=True)


def test_a_reader_that_resumes_gets_the_same_end() -> None:
    items = run(ANSWER, SOURCED)
    whole, resumed = ChunkStream(context(sources=True)), ChunkStream(context(sources=True))
    for item in items[:-1]:
        whole.feed(item)
        resumed.skip(item)

    assert resumed.feed(items[-1]) == whole.feed(items[-1])


@pytest.mark.parametrize(
    ("more", "may_have_sources"),
    [
        ({}, False),
        ({"knowledge": "kb_1"}, True),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]}, True),
    ],
)
def test_a_request_says_whether_its_answer_may_have_sources(more: dict[str, Any], may_have_sources: bool) -> None:
    fields = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **more}

    assert parse(fields, new_id=str).reply.get("sources", False) is may_have_sources
