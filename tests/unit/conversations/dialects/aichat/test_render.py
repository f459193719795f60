import json

import pytest

from conversations.dialects.aichat import render
from conversations.values.runs import Format


def test_the_answer_has_its_id_and_its_text_in_utf8() -> None:
    body = render.answer(conversation_id="c-1", text='你好 "😀"\u2028\n')

    assert body == '{"id":"c-1","answer":"你好 \\"😀\\"\u2028\\n"}'.encode()
    assert json.loads(body) == {"id": "c-1", "answer": '你好 "😀"\u2028\n'}


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
    assert render.negotiate(accept) is form
