"""What v1 says of an answer's sources, in all three forms, to the readers of `test_stream_readers.py` too."""

import json

import orjson
import pytest

from conversations.dialects.aichat.render import TextCollector
from conversations.dialects.aichat.stream import READ_BYTES, NdjsonStream, SseStream
from conversations.dialects.api import sources as members
from conversations.knowledge.citing import sourcing
from conversations.values.context.sources import NOT_SOURCED
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from providers.events import ReasoningDelta, TextDelta
from tests.builders.texts import sources
from tests.unit.conversations.dialects.aichat.reply_context import context

SAID = sources.sourced(notes={"search": "off"})
MEMBERS = members.members(SAID)
SOURCED = RunEnded(RunStatus.COMPLETED, sourced=SAID)
FAILED = RunEnded(RunStatus.FAILED, error_code="upstream_failed", error_message="Broken.", sourced=SAID)


def events(ended: RunEnded = SOURCED) -> list[RunEvent]:
    said = [TextDelta(text) for text in (sources.ANSWER[:20], sources.ANSWER[20:])]
    return [*(RunEvent(position, event) for position, event in enumerate(said, start=1)), RunEvent(3, ended)]


def collected(ended: RunEnded) -> bytes:
    collector = TextCollector(context())
    for item in events(ended):
        collector.feed(item)
    return collector.answer()


def test_the_members_as_they_stand_on_the_wire() -> None:
    warranty = {"start": 1007, "end": 1007 + len(sources.WARRANTY), "page": 2}
    assert MEMBERS["sources"][0] == {
        "number": 1,
        "kind": "knowledge",
        "id": "doc_manual",
        "title": "Manual",
        "url": None,
        "knowledge": "kb_shop",
        "score": 0.75,
        "snippet": f"Terms.\n{sources.WARRANTY}",
        "passages": [
            {"start": 0, "end": len(sources.RETURNS), "page": 1, "score": 0.25},
            {"start": 1000, "end": warranty["end"], "page": 2, "score": 0.75},
        ],
    }
    assert [source["number"] for source in MEMBERS["sources"]] == [1, 2, 3]
    assert [source["url"] for source in MEMBERS["sources"]][1:] == [
        "https://fr.example/tower",
        "https://news.example/a",
    ]
    assert MEMBERS["citations"][0] == {
        "number": 1,
        "start": 29,
        "end": 32,
        "is_known": True,
        "quote": {"text": sources.WARRANTY, **warranty, "similarity": 88.0},
    }
    assert MEMBERS["citations"][3] == {"number": 7, "start": 87, "end": 90, "is_known": False, "quote": None}
    assert MEMBERS["notes"] == {"search": "off"}
    assert members.members(sources.sourced()).keys() == {"sources", "citations"}
    assert members.members(NOT_SOURCED) == {}


def test_the_json_answer_has_them_beside_it() -> None:
    assert orjson.loads(collected(SOURCED)) == {"id": "c-1", "answer": sources.ANSWER, **MEMBERS}
    assert collected(RunEnded(RunStatus.COMPLETED)) == orjson.dumps({"id": "c-1", "answer": sources.ANSWER})


def test_the_last_line_has_them_and_the_whole_answer() -> None:
    stream = NdjsonStream(context())

    lines = [stream.feed(item) for item in events()]

    assert [b"sources" in line for line in lines] == [False, False, True]
    assert json.loads(lines[-1]) == {"answer": sources.ANSWER, "delta_answer": "", "id": "c-1", **MEMBERS}
    assert all(line.isascii() and line.endswith(b"\r\n") and len(line) % READ_BYTES != 1 for line in lines)
    assert [json.loads(line)["answer"] for line in lines[:2]] == [sources.ANSWER[:20], sources.ANSWER]


def test_the_last_line_also_has_thoughts_that_came_last() -> None:
    stream = NdjsonStream(context())
    stream.feed(RunEvent(1, TextDelta("x" * 300_000)))
    assert stream.feed(RunEvent(2, ReasoningDelta("hm"))) == b""

    line = json.loads(stream.feed(RunEvent(3, SOURCED)))

    assert (line["thinking"], line["notes"], len(line["answer"])) == ("hm", {"search": "off"}, 300_000)


def test_the_last_event_before_done_has_them_and_an_empty_delta() -> None:
    stream = SseStream(context())

    *_, last = (stream.feed(item) for item in events())

    event, done, rest = last.split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    assert event.isascii()
    assert event.startswith(b"id: 3\ndata: ")
    assert json.loads(event.removeprefix(b"id: 3\ndata: ")) == {"delta_answer": "", "id": "c-1", **MEMBERS}


@pytest.mark.parametrize("make", [NdjsonStream, SseStream])
def test_a_reader_that_resumes_after_the_last_word_gets_the_same_end(make: type[NdjsonStream | SseStream]) -> None:
    whole, resumed = make(context()), make(context())
    for item in events()[:-1]:
        whole.feed(item)
        resumed.skip(item)

    assert resumed.feed(events()[-1]) == whole.feed(events()[-1])


@pytest.mark.parametrize("make", [NdjsonStream, SseStream])
def test_an_error_says_nothing_of_them(make: type[NdjsonStream | SseStream]) -> None:
    stream = make(context())

    written = b"".join(stream.feed(item) for item in events(FAILED))

    assert b"chat_error" in written
    assert b"sources" not in written


def test_a_note_alone_says_that_nothing_was_found() -> None:
    ended = RunEnded(RunStatus.COMPLETED, sourced=sourcing.of_answer("Hi", (), {"search": "off"}))

    assert orjson.loads(collected(ended)) == {
        "id": "c-1",
        "answer": sources.ANSWER,
        "sources": [],
        "citations": [],
        "notes": {"search": "off"},
    }
