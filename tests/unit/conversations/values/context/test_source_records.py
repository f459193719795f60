"""Sources and citations as JSON: with their words in live events, with places alone in rows."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from conversations.relay import codec
from conversations.values.context import source_records
from conversations.values.context.sources import NOT_SOURCED, Passage, Sourced
from conversations.values.runs import RunEnded, RunStatus
from tests.builders.texts import sources

NOTED = sources.sourced(notes={"search": "off"})


def through_json(sourced: Sourced, *, is_live: bool) -> Sourced:
    return source_records.load(orjson.loads(orjson.dumps(source_records.dump(sourced, is_live=is_live))))


def test_a_live_event_says_all_that_its_readers_show() -> None:
    assert through_json(NOTED, is_live=True) == NOTED

    ended = RunEnded(RunStatus.COMPLETED, sourced=NOTED)
    assert codec.load_item(orjson.loads(orjson.dumps(codec.dump_item(ended)))) == ended


def test_an_event_without_sources_is_as_it_was() -> None:
    assert codec.dump_item(RunEnded(RunStatus.COMPLETED)).keys() == {
        *("e", "status", "reasons", "usage", "code", "message", "facts"),
    }
    assert source_records.dump(NOT_SOURCED, is_live=True) == {}
    assert source_records.load({}) is NOT_SOURCED


def test_a_row_has_no_words_but_what_a_search_found() -> None:
    record = source_records.dump(NOTED, is_live=False)

    manual, paris, news = record["sources"]
    assert manual["excerpt"] == {
        "start": 1000,
        "end": 1007 + len(sources.WARRANTY),
        "page": 2,
        "digest": source_records.digest(f"Terms.\n{sources.WARRANTY}"),
    }
    assert "text" not in paris["excerpt"]
    assert news["excerpt"] == {
        "start": 0,
        "end": 45,
        "page": None,
        "text": "Prices of copper fell by nine percent in May.",
    }
    assert [citation.get("quote", {}).keys() for citation in record["citations"]] == [
        {"start", "end", "page", "digest"},
        {"start", "end", "page", "digest"},
        {"start", "end", "page", "text"},
        {}.keys(),
    ]
    assert sources.WARRANTY not in orjson.dumps(record).decode()


def test_a_row_keeps_every_span_and_an_event_the_best() -> None:
    many = tuple(Passage("", 10 * at, 10 * at + 9, score=at / 100) for at in range(50))
    sourced = replace(NOTED, sources=(replace(NOTED.sources[0], passages=many), *NOTED.sources[1:]))

    assert through_json(sourced, is_live=False).sources[0].passages == many
    assert through_json(sourced, is_live=True).sources[0].passages == many[42:]
    assert sourced.sources[0].best_passages == many[42:]


def test_words_at_the_same_place_of_another_text_have_another_digest() -> None:
    assert source_records.digest(sources.WARRANTY) != source_records.digest(sources.WARRANTY.replace("two", "one"))


@pytest.mark.parametrize(
    "broken", [{"sources": [{}], "citations": []}, {"sources": 1, "citations": []}, {"sources": []}]
)
def test_what_cannot_be_read_is_refused_as_other_items_are(broken: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        source_records.load(broken)


def test_the_row_of_a_turn_that_is_not_stored_has_the_words_of_its_files() -> None:
    record = source_records.dump(NOTED, is_live=False, kept=source_records.KEPT_BY_UNSTORED_RUN)

    assert [("text" in source["excerpt"], source["kind"]) for source in record["sources"]] == [
        (False, "knowledge"),
        (True, "reference"),
        (True, "search"),
    ]
