"""Events as they are sent: complete if short, else with a link to the answer."""

import datetime
from typing import Any

import orjson

from conversations.dialects.api import sources as members
from conversations.webhooks import payloads
from conversations.webhooks.payloads import EventType
from tests.builders.texts import sources

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


def test_leaves_out_the_words_of_sources_first() -> None:
    said = members.members(sources.sourced(notes={"search": "off"}))
    fits = {"answer": "x" * 18_400, "sources": said["sources"], "citations": said["citations"]}

    found = event(fits | {"notes": said["notes"]})["data"]

    assert found["answer"] == fits["answer"]
    assert found["notes"] == {"search": "off"}
    assert [(source["number"], source["snippet"]) for source in found["sources"]] == [(1, None), (2, None), (3, None)]
    assert [citation["quote"] and citation["quote"]["text"] for citation in found["citations"]] == [None] * 4
    assert found["citations"][0]["quote"] == {**said["citations"][0]["quote"], "text": None}


def test_leaves_out_the_answer_next_and_then_the_sources() -> None:
    said = members.members(sources.sourced())

    without_answer = event({"answer": "x" * 30_000, **said})["data"]
    without_sources = event({"answer": "x" * 30_000, **said, "citations": said["citations"] * 100})["data"]

    assert (without_answer["answer"], len(without_answer["sources"])) == (None, 3)
    assert without_sources == {"answer": None, "sources": None, "citations": None}
