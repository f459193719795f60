import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import UpstreamGarbled
from providers.transport import sse
from providers.transport.sse import SseReader


def payloads(*chunks: bytes) -> list[bytes]:
    reader = SseReader()
    return [data for data, _ in [event for chunk in chunks for event in reader.feed(chunk)] + reader.close()]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data: a\r\r\ndata: b\n\n", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        # As the standard says: an empty data buffer dispatches nothing.
        (b"data\n\n", []),
        (b"data:\n\ndata: \n\ndata: a\n\n", [b"a"]),
        (b"data:\ndata: a\n\n", [b"\na"]),
        (b"event: ping\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b": PING\n\ndata: a\n\n", [b"a"]),
        (b": PING\n: PING\n\n", []),
        (b"event: x\nid: 1\nretry: 3\ndata: a\n\n", [b"a"]),
        (b"database: a\n\n", []),
        (b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\n\ndata: b", [b"a", b"b"]),
        (b"data: a\n\ndata: b\n", [b"a", b"b"]),
        (b"", []),
        ("data: 你好\u2028\u0085🙂\x0b\x0c\x1c\n\n".encode(), ["你好\u2028\u0085🙂\x0b\x0c\x1c".encode()]),
    ],
)
def test_reads_every_notation_whole_and_byte_by_byte(stream: bytes, expected: list[bytes]) -> None:
    assert payloads(stream) == expected
    assert payloads(*(stream[i : i + 1] for i in range(len(stream)))) == expected


line_ends = st.sampled_from(["\n", "\r\n", "\r"])
texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12)
noise = st.sampled_from([": PING", "event: message", "id: 7", "retry: 10", ":"])


@given(st.data(), line_ends, st.lists(texts, max_size=5))
def test_gives_the_same_payloads_for_any_split(data: st.DataObject, end: str, values: list[str]) -> None:
    lines = [[*data.draw(st.lists(noise, max_size=2)), f"data: {value}", ""] for value in values]
    stream = "".join(line + end for event in lines for line in event).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert payloads(*pieces) == [value.encode() for value in values if value]


def test_returns_an_event_as_soon_as_its_blank_line_arrived() -> None:
    reader = SseReader()

    assert reader.feed(b"data: a\n") == []
    assert reader.feed(b"\n") == [(b"a", b"")]
    assert reader.feed(b"data: b\r\r") == [(b"b", b"")]
    assert reader.feed(b"\ndata: c\r\n\r") == [(b"c", b"")]
    assert reader.feed(b"\n") == []
    assert reader.close() == []


def test_refuses_an_event_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 10)
    reader = SseReader()
    reader.feed(b"data: 123")

    with pytest.raises(UpstreamGarbled):
        reader.feed(b"45")


@pytest.mark.parametrize("stream", [b"data: 1\n\ndata: 12345\n\n", b"data: 1\n\ndata: 12345"])
def test_refuses_a_long_event_in_one_chunk(stream: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 10)

    with pytest.raises(UpstreamGarbled):
        SseReader().feed(stream)


def test_takes_many_short_events_in_one_long_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 10)

    assert SseReader().feed(b"data: 1\n\n" * 5) == [(b"1", b"")] * 5


def test_returns_the_name_of_an_event() -> None:
    assert SseReader().feed(b"event: error\ndata: a\n\ndata: b\nevent:x\n\n") == [(b"a", b"error"), (b"b", b"x")]


@pytest.mark.parametrize(
    ("stream", "has_fields"),
    [
        (b"Internal error\n\nTry later", False),
        (b"a: b\n\n", False),
        (b"\n\n", False),
        (b": PING\n\n", True),
        (b"retry: 3", True),
        (b"ev", True),
        (b"oh\ndata: a\n\n", True),
    ],
)
def test_tells_an_event_stream_from_other_text(stream: bytes, has_fields: bool) -> None:
    reader = SseReader()
    reader.feed(stream)
    reader.close()

    assert (reader.has_fields, reader.is_blank) == (has_fields, not stream.strip())
