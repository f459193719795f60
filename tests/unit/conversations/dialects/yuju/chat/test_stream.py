from decimal import Decimal

import orjson

from conversations.dialects.yuju.chat.stream import DONE, DeltaStream
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from providers.events import ReasoningDelta, RefusalDelta, StreamEvent, TextDelta
from tests.fakes.replies import Json
from tests.unit.conversations.dialects.yuju.chat.reply_context import KEY, context

END = RunEnded(RunStatus.COMPLETED, cost=Decimal("0.001"))


def written(*events: StreamEvent | RunEnded, visitor: str | None = None) -> list[bytes]:
    stream = DeltaStream(context(visitor))
    return [stream.feed(RunEvent(position, event)) for position, event in enumerate(events, 1)]


def data(event: bytes) -> Json:
    head, line = event.removesuffix(DONE).removesuffix(b"\n\n").split(b"\n")
    assert head.startswith(b"id: ")
    return dict(orjson.loads(line.removeprefix(b"data: ")))


def test_each_event_has_the_new_text_and_the_last_what_is_known_at_the_end() -> None:
    first, second, last = written(TextDelta("你"), RefusalDelta("好"), END, visitor="访客")

    shared = {"msgKey": KEY, "visitorId": "访客"}
    assert data(first) == {"desc": "你", "content": "你", **shared}
    assert data(second) == {"desc": "好", "content": "好", **shared}
    assert data(last) == {"desc": "", "content": "", **shared, "source": [], "usage": {"total_cost": 0.001}}
    assert last.endswith(DONE)


def test_is_written_in_ascii_one_event_to_one_write() -> None:
    first, last = written(TextDelta("你\u2028\x85\n\x1b"), END)

    assert first.isascii()
    assert first.count(b"\n") == 3
    assert first.startswith(b"id: 1\ndata: {")
    assert last.isascii()


def test_thoughts_stand_beside_an_empty_text() -> None:
    thought, word, _ = written(ReasoningDelta("想"), TextDelta("好"), END)

    assert data(thought) == {"desc": "", "content": "", "msgKey": KEY, "visitorId": None, "thinking": "想"}
    assert "thinking" not in data(word)


def test_other_choices_and_empty_texts_give_no_bytes() -> None:
    assert written(TextDelta("b", choice=1), TextDelta(""), ReasoningDelta("", choice=0)) == [b"", b"", b""]


def test_an_error_inside_a_stream_is_the_envelope() -> None:
    _, end = written(TextDelta("half"), RunEnded(RunStatus.FAILED, error_code="upstream_failed", error_message="Away."))

    assert data(end) == {"Code": 500, "Data": None, "Msg": "Away."}
    assert end.endswith(DONE)


def test_a_stopped_answer_ends_as_one() -> None:
    _, end = written(TextDelta("half"), RunEnded(RunStatus.CANCELLED))

    assert data(end)["source"] == []


def test_nothing_follows_the_end() -> None:
    stream = DeltaStream(context())
    stream.feed(RunEvent(1, END))

    assert stream.is_over
    assert stream.feed(RunEvent(2, TextDelta("more"))) == b""


def test_text_of_another_attempt_never_follows() -> None:
    stream = DeltaStream(context())
    assert stream.restart(1) == b""
    stream.skip(RunEvent(1, TextDelta("old")))

    assert data(stream.restart(1))["Code"] == 500
    assert stream.is_over


def test_a_resumed_answer_that_was_stopped_is_no_failure() -> None:
    stream = DeltaStream(context())
    stream.skip(RunEvent(1, TextDelta("old")))

    assert data(stream.feed(RunEvent(2, RunEnded(RunStatus.CANCELLED))))["desc"] == ""
