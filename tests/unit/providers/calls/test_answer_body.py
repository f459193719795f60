"""How long a body is read: the deadline that is set while its chunks come."""

from collections.abc import Iterator

import httpx

from providers.calls import answer_body
from providers.events import StreamEvent, TextDelta
from providers.protocols.openai.chat.response import ChatReader
from providers.transport.abortable import AbortHandle
from tests.fakes.replies import chunk, event, tokens

MAX_BYTES = 1_000_000
HELLO, FINISH = event(chunk({"content": "Hello"})), event(chunk({}, finish="stop"))
MORE, PING = event(chunk({"content": "!"}, finish="stop")), b": ping\n\n"
USAGE = event({"choices": [], "usage": tokens(1, 2)})


class Pieces(httpx.SyncByteStream):
    """Records the deadline for reading after each piece."""

    def __init__(self, handle: AbortHandle, *pieces: bytes) -> None:
        self._handle = handle
        self._pieces = pieces
        self.until: list[float | None] = []

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            yield piece
            self.until.append(self._handle.read_until)


def read(*pieces: bytes) -> tuple[list[StreamEvent], list[float | None]]:
    handle = AbortHandle()
    stream = Pieces(handle, *pieces)
    reader = ChatReader(vendor="v", display_name="V")
    events = list(
        answer_body.events(
            httpx.Response(200, stream=stream), reader, handle=handle, display_name="V", max_bytes=MAX_BYTES
        )
    )
    return events, stream.until


def test_has_no_grace_period_until_every_choice_is_finished() -> None:
    _, until = read(HELLO, PING, event(chunk({"content": "a"}, choice=1)), FINISH)

    assert until == [None, None, None, None]


def test_the_grace_period_begins_with_the_last_finish_and_heartbeats_do_not_extend_it() -> None:
    _, (before, *after) = read(HELLO, FINISH, PING, b"data: x\n\n", event(chunk({"content": ""})), PING)

    assert before is None
    assert len(set(after)) == 1
    assert after[0] is not None


def test_repeated_usage_does_not_extend_the_grace_period() -> None:
    _, until = read(HELLO, FINISH, *(event({"choices": [], "usage": tokens(1, count)}) for count in range(5)))

    assert len(set(until[1:])) == 1


def test_text_after_the_finish_begins_the_grace_period_anew() -> None:
    """Some vendors set a finish reason in every chunk."""
    events, until = read(MORE, MORE, PING, MORE)

    first, second, third, fourth = (moment or 0.0 for moment in until)
    assert 0 < first < second == third < fourth
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "!!!"


def test_reads_nothing_after_the_end_of_the_answer() -> None:
    events, _ = read(HELLO + FINISH + b"data: [DONE]\n\n" + MORE)

    assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta("Hello")]
    assert answer_body.GRACE_SECONDS < 10
