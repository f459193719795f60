"""Events as they are sent: complete if short, else with a link to the answer."""

import datetime
from typing import Any

import orjson

from conversations.webhooks import payloads
from conversations.webhooks.payloads import EventType

AT = datetime.datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=datetime.UTC)


def event(data: dict[str, Any]) -> dict[str, Any]:
    text = payloads.event(event_id="evt_1", event_type=EventType.RUN_COMPLETED, sequence=7, created_at=AT, data=data)
    assert len(text.encode()) < 20_000
    return dict(orjson.loads(text))


def test_says_what_happened_when_and_as_which_number() -> None:
    assert event({"id": "run_1", "answer": "Hi 你好"}) == {
        "id": "evt_1",
        "type": "run.completed",
        "timestamp": "2026-01-01T12:00:00.000005Z",
        "sequence": 7,
        "data": {"id": "run_1", "answer": "Hi 你好"},
    }


def test_never_cuts_an_answer_but_links_it() -> None:
    fits, too_long = "你" * 6_500, "你" * 6_700
    link = {"answer_url": "/api/v1/runs/run_1/stream?format=json"}

    assert event({"answer": fits, **link})["data"] == {"answer": fits, **link}
    assert event({"answer": too_long, **link})["data"] == {"answer": None, **link}


def test_stays_short_with_an_endless_error() -> None:
    error = {"code": "bad_request", "message": "x" * 30_000}

    data = event({"answer": "y" * 30_000, "error": error})["data"]

    assert data == {"answer": None, "error": {"code": "bad_request", "message": ""}}


def test_leaves_an_answer_out_where_there_was_none() -> None:
    assert event({"id": "c", "error": {"code": "x", "message": "y" * 30_000}})["data"] == {
        "id": "c",
        "error": {"code": "x", "message": ""},
    }
