import pytest

from conversations.dialects import formats
from conversations.values.runs import Format


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Format.JSON),
        ("*/*", Format.JSON),
        ("application/json", Format.JSON),
        ("image/png", Format.JSON),
        ("application/x-ndjson", Format.NDJSON),
        ("Application/X-NDJSON", Format.NDJSON),
        ("application/json, application/x-ndjson;q=0.1", Format.NDJSON),
        ("text/event-stream", Format.SSE),
        ("text/event-stream, application/x-ndjson", Format.SSE),
        ("application/x-ndjson, text/event-stream", Format.NDJSON),
        ("garbage;;;, TEXT/EVENT-STREAM;q=0", Format.SSE),
    ],
)
def test_the_stream_named_first_is_chosen_and_otherwise_json(accept: str, form: Format) -> None:
    assert formats.negotiate(accept) is form
