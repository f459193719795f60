"""Exact bytes. What real readers make of them: `test_stream_readers.py`."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.dialects.aichat.stream import LARGE_BYTES, NdjsonStream, SseStream
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from providers.events import (
    CallStarted,
    ChoiceFinished,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from providers.messages import Usage
from tests.unit.conversations.dialects.aichat.reply_context import context

COMPLETED = RunEnded(RunStatus.COMPLETED)
FAILED = RunEnded(RunStatus.FAILED, error_code="upstream_failed", error_message="Cut “off”.")
CANCELLED = RunEnded(RunStatus.CANCELLED, error_code="run_cancelled")
INCOMPLETE = RunEnded(RunStatus.INCOMPLETE, error_code="deadline_exceeded", error_message="Too slow.")
ERROR = rb'"error": {"code": "chat_error", "message": "Cut \u201coff\u201d."}, "trace_id": "t-1"}'


def text(delta: str, position: int = 1) -> RunEvent:
    return RunEvent(position, TextDelta(delta))


def thought(delta: str, position: int = 1) -> RunEvent:
    return RunEvent(position, ReasoningDelta(delta))


def end(ended: RunEnded, position: int = 9) -> RunEvent:
    return RunEvent(position, ended)


def ndjson(*, known: str = "") -> NdjsonStream:
    """`known`: what a reader that resumes has already."""
    stream = NdjsonStream(context())
    stream.skip(text(known, 0))
    return stream


def sse(*, known: str = "") -> SseStream:
    stream = SseStream(context())
    stream.skip(text(known, 0))
    return stream


class TestNdjson:
    def test_every_line_has_the_answer_so_far_and_ends_in_crlf(self) -> None:
        stream = ndjson()

        assert stream.feed(text("Hel")) == b'{"answer": "Hel", "delta_answer": "Hel", "id": "c-1"}\r\n'
        assert stream.feed(text("lo", 2)) == b'{"answer": "Hello", "delta_answer": "lo", "id": "c-1"}\r\n'
        assert stream.feed(end(COMPLETED)) == b""

    def test_a_thought_stands_beside_the_answer_so_far(self) -> None:
        stream = ndjson()

        assert stream.feed(thought("Hm\u2028")) == (
            b'{"answer": "", "delta_answer": "", "id": "c-1", "thinking": "Hm\\u2028"}\r\n'
        )
        assert stream.feed(text("42", 2)) == b'{"answer": "42", "delta_answer": "42", "id": "c-1"}\r\n'
        assert stream.feed(thought("!", 3)) == (
            b'{"answer": "42", "delta_answer": "", "id": "c-1", "thinking": "!"}\r\n'
        )
        assert stream.feed(end(COMPLETED)) == b""

    def test_escapes_everything_outside_ascii(self) -> None:
        line = ndjson().feed(text('你"\\\r\n\x00\x85\u2028😀'))

        escaped = rb"\u4f60\"\\\r\n\u0000\u0085\u2028\ud83d\ude00"
        assert line == b'{"answer": "%b", "delta_answer": "%b", "id": "c-1"}\r\n' % (escaped, escaped)

    def test_no_line_is_one_byte_longer_than_whole_reads(self) -> None:
        sizes = [len(ndjson(known="x" * known).feed(text("y"))) for known in range(1200)]

        assert [size for size in sizes if size % 512 == 1] == []
        # Only where it would have been 513 or 1025 is a line a byte longer than its text asks for.
        assert sorted({*range(sizes[0], sizes[-1] + 1)} - {*sizes}) == [513, 1025]

    def test_pads_with_exactly_one_space_where_it_must(self) -> None:
        bare = len(ndjson().feed(text("y")))

        line = ndjson(known="x" * (513 - bare)).feed(text("y"))

        assert len(line) == 514
        assert line.endswith(b'"c-1"} \r\n')

    def test_an_empty_answer_is_one_line(self) -> None:
        assert ndjson().feed(end(COMPLETED)) == b'{"answer": "", "delta_answer": "", "id": "c-1"}\r\n'

    def test_an_error_is_a_last_line_that_keeps_the_answer(self) -> None:
        stream = ndjson()
        stream.feed(text("Hel"))

        line = stream.feed(end(FAILED))

        assert line == b'{"answer": "Hel", "delta_answer": "", "id": "c-1", ' + ERROR + b"\r\n"

    def test_an_error_before_any_text_has_all_keys_too(self) -> None:
        assert ndjson().feed(end(FAILED)) == b'{"answer": "", "delta_answer": "", "id": "c-1", ' + ERROR + b"\r\n"

    def test_resumes_in_the_middle_with_the_whole_answer_on_the_next_line(self) -> None:
        stream = ndjson()
        stream.skip(text("Hel"))

        assert stream.feed(text("lo", 2)) == b'{"answer": "Hello", "delta_answer": "lo", "id": "c-1"}\r\n'

    def test_resumed_at_its_end_it_still_says_the_answer(self) -> None:
        assert ndjson(known="Hello").feed(end(COMPLETED)) == (
            b'{"answer": "Hello", "delta_answer": "", "id": "c-1"}\r\n'
        )

    def test_a_large_answer_is_repeated_only_with_enough_news_and_ends_whole(self) -> None:
        stream, piece = ndjson(), "x" * 1_000
        written = [stream.feed(text(piece, number)) for number in range(1, 1_001)]
        written.append(stream.feed(thought("Well.", 1_001)))
        written.append(stream.feed(end(COMPLETED)))

        lines = [json.loads(line) for line in written if line]

        assert lines[-1]["answer"] == piece * 1_000
        assert "".join(line["delta_answer"] for line in lines) == piece * 1_000
        assert "".join(line.get("thinking", "") for line in lines) == "Well."
        # One each up to the bound, then about a dozen for each doubling.
        assert LARGE_BYTES // 1_000 < len(lines) < LARGE_BYTES // 1_000 + 30
        assert sum(map(len, written)) < 100 * len(piece * 1_000)

    def test_a_large_answer_that_fails_tells_what_was_held_back(self) -> None:
        stream = ndjson(known="x" * (LARGE_BYTES + 1))
        first, second, last = (stream.feed(item) for item in (text("a", 1), text("b", 2), end(FAILED)))

        assert json.loads(first)["delta_answer"] == "a"
        assert second == b""
        assert json.loads(last)["delta_answer"] == "b"
        assert json.loads(last)["error"]["code"] == "chat_error"

    def test_has_nothing_to_send_while_it_waits(self) -> None:
        assert NdjsonStream.keep_alive == b""
        assert NdjsonStream.content_type == "application/x-ndjson; charset=utf-8"


class TestSse:
    def test_an_event_is_a_position_and_a_delta(self) -> None:
        stream = sse()

        assert stream.feed(text("Hel", 3)) == b'id: 3\ndata: {"delta_answer":"Hel","id":"c-1"}\n\n'
        assert stream.feed(text("你\u2028", 5)) == b'id: 5\ndata: {"delta_answer":"\\u4f60\\u2028","id":"c-1"}\n\n'
        assert stream.feed(end(COMPLETED, 8)) == b"id: 8\ndata: [DONE]\n\n"

    def test_a_thought_stands_beside_an_empty_delta(self) -> None:
        stream = sse()

        assert stream.feed(thought("Hm", 2)) == b'id: 2\ndata: {"delta_answer":"","id":"c-1","thinking":"Hm"}\n\n'
        assert stream.feed(text("42", 3)) == b'id: 3\ndata: {"delta_answer":"42","id":"c-1"}\n\n'
        assert stream.feed(end(COMPLETED, 4)) == b"id: 4\ndata: [DONE]\n\n"

    def test_an_empty_answer_still_tells_its_id(self) -> None:
        assert sse().feed(end(COMPLETED, 2)) == (b'id: 2\ndata: {"delta_answer":"","id":"c-1"}\n\ndata: [DONE]\n\n')

    @pytest.mark.parametrize("known", ["", "Hel"])
    def test_an_error_is_an_event_and_then_done(self, known: str) -> None:
        written = sse(known=known).feed(end(FAILED, 4))

        assert written == (b'id: 4\ndata: {"delta_answer":"","id":"c-1",' + ERROR + b"\n\ndata: [DONE]\n\n")

    def test_resumes_without_repeating(self) -> None:
        stream = sse()
        stream.skip(text("Hel", 1))

        assert stream.feed(text("lo", 2)) == b'id: 2\ndata: {"delta_answer":"lo","id":"c-1"}\n\n'
        assert sse(known="Hello").feed(end(COMPLETED, 3)) == b"id: 3\ndata: [DONE]\n\n"

    def test_a_comment_keeps_it_alive(self) -> None:
        assert SseStream.keep_alive == b": PING\n\n"
        assert SseStream.content_type == "text/event-stream; charset=utf-8"


Make = Callable[[], NdjsonStream | SseStream]


@pytest.mark.parametrize("make", [ndjson, sse])
class TestBothStreams:
    @pytest.mark.parametrize(
        "event",
        [
            CallStarted("req-1"),
            ReasoningDelta("hm", choice=1),
            ReasoningDelta("", provider_metadata={"fake": {"reasoning_details": []}}),
            RefusalDelta("no", choice=1),
            ToolCallDelta(0, "call_1", "weather", "{}"),
            TextDelta("second answer", choice=1),
            TextDelta(""),
            ChoiceFinished("stop"),
            UsageReported(Usage(1, 2)),
        ],
    )
    def test_what_v1_does_not_show_gives_no_bytes(self, make: Make, event: StreamEvent) -> None:
        stream = make()

        assert stream.feed(RunEvent(1, event)) == b""
        assert not stream.has_text

    @pytest.mark.parametrize("ended", [CANCELLED, INCOMPLETE])
    def test_a_stopped_run_with_text_ends_like_any_other(self, make: Make, ended: RunEnded) -> None:
        stopped, completed = make(), make()
        for stream in (stopped, completed):
            stream.feed(text("Hel"))

        assert stopped.feed(end(ended)) == completed.feed(end(COMPLETED))

    def test_a_run_cancelled_before_its_text_says_so(self, make: Make) -> None:
        assert b'"code": "canceled"' in make().feed(end(CANCELLED))

    def test_a_new_attempt_before_any_text_is_simply_the_answer(self, make: Make) -> None:
        stream, fresh = make(), make()
        stream.feed(RunEvent(1, ToolCallDelta(0, "call_1", "weather")))

        assert stream.restart(1) == b""
        assert stream.feed(text("Hi")) == fresh.feed(text("Hi"))

    def test_a_refusal_is_told_like_any_other_words(self, make: Make) -> None:
        refusing, answering = make(), make()

        told = [refusing.feed(RunEvent(1, RefusalDelta("I can’t "))), refusing.feed(RunEvent(2, RefusalDelta("help.")))]

        assert told == [answering.feed(text("I can’t ")), answering.feed(text("help.", 2))]
        assert refusing.feed(end(COMPLETED)) == answering.feed(end(COMPLETED))

    def test_resumes_a_refusal_where_it_was_left(self, make: Make) -> None:
        whole, resumed = make(), make()
        whole.feed(RunEvent(1, RefusalDelta("I can’t ")))
        resumed.skip(RunEvent(1, RefusalDelta("I can’t ")))

        assert resumed.feed(RunEvent(2, RefusalDelta("help."))) == whole.feed(RunEvent(2, RefusalDelta("help.")))

    def test_resumes_behind_thoughts_without_telling_them_again(self, make: Make) -> None:
        whole, resumed = make(), make()
        whole.feed(thought("Let me see.", 1))
        resumed.skip(thought("Let me see.", 1))

        assert resumed.feed(thought(" Yes.", 2)) == whole.feed(thought(" Yes.", 2))
        assert resumed.feed(text("42", 3)) == whole.feed(text("42", 3))

    @pytest.mark.parametrize("is_known", [False, True], ids=["written", "known before"])
    @pytest.mark.parametrize("first", [TextDelta("lost"), RefusalDelta("lost"), ReasoningDelta("lost")])
    def test_a_new_attempt_is_never_spliced_to_what_was_sent(
        self, make: Make, first: StreamEvent, is_known: bool
    ) -> None:
        stream = make()
        if is_known:
            stream.skip(RunEvent(1, first))
        else:
            stream.feed(RunEvent(1, first))

        written = stream.restart(1)

        assert b'"code": "api_error"' in written
        assert b"begun anew" in written
        assert stream.is_over
        assert [stream.feed(text("Hi")), stream.feed(end(COMPLETED, 2))] == [b"", b""]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=300), max_size=30))
def test_deltas_add_up_to_the_last_answer_and_no_character_is_cut(deltas: list[str]) -> None:
    stream, events = ndjson(), sse()
    items = [*(text(delta, position) for position, delta in enumerate(deltas, 1)), end(COMPLETED, len(deltas) + 1)]

    lines = [json.loads(line) for line in b"".join(map(stream.feed, items)).split(b"\r\n") if line]
    data = [
        json.loads(line[6:])
        for line in b"".join(map(events.feed, items)).split(b"\n")
        if line[:6] == b"data: " and line != b"data: [DONE]"
    ]

    whole = "".join(deltas)
    assert "".join(line["delta_answer"] for line in lines) == lines[-1]["answer"] == whole
    assert "".join(event["delta_answer"] for event in data) == whole
    for line in lines:
        assert list(line) == ["answer", "delta_answer", "id"]
        line["answer"].encode()
        line["delta_answer"].encode()


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=600), min_size=1, max_size=8))
def test_no_line_is_ever_torn_and_none_but_its_end_breaks_a_line(deltas: list[str]) -> None:
    stream = ndjson()
    items = [*(text(delta, position) for position, delta in enumerate(deltas, 1)), end(FAILED, len(deltas) + 1)]

    for line in filter(None, map(stream.feed, items)):
        assert len(line) % 512 != 1
        assert line.isascii()
        assert len(line.decode("latin-1").splitlines()) == 1
