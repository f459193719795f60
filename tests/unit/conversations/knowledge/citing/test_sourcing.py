"""What is left of the sources once the run has ended."""

from dataclasses import replace

import pytest

from conversations.knowledge.citing import sourcing
from conversations.values.context.sources import Excerpt, Passage, Source, SourceKind
from tests.builders.texts.sources import ALL, ANSWER, MANUAL, RETURNS, WARRANTY


def only(source: Source) -> Source:
    (found,) = sourcing.of_answer("", (source,), {}).sources
    return found


def test_spans_and_scores_stay_and_the_beginning_of_the_best_passage() -> None:
    found = only(MANUAL)

    assert found == replace(
        MANUAL,
        passages=(
            Passage("", 0, len(RETURNS), page=1, score=0.25),
            Passage("", 1000, 1007 + len(WARRANTY), page=2, score=0.75),
        ),
        excerpt=Excerpt(f"Terms.\n{WARRANTY}", 1000, 1007 + len(WARRANTY), 2),
    )
    assert found.score == 0.75


def test_the_excerpt_is_bounded_and_begins_and_ends_with_a_word() -> None:
    text = "  \n" + "x" * 299 + " y" * 200

    found = only(replace(MANUAL, passages=(Passage(text, 100, 100 + len(text)),)))

    assert found.excerpt == Excerpt("x" * 299, 103, 402)


def test_a_source_without_words_has_no_excerpt() -> None:
    assert only(replace(MANUAL, passages=(Passage(" \n", 0, 2),))).excerpt is None
    assert only(replace(MANUAL, passages=())).excerpt is None


def test_sources_citations_and_notes_belong_together() -> None:
    found = sourcing.of_answer(ANSWER, ALL, {"search": "off"})

    assert [source.id for source in found.sources] == [source.id for source in ALL]
    assert [citation.number for citation in found.citations] == [1, 2, 3, 7]
    assert found.notes == {"search": "off"}


def test_without_sources_every_mark_is_unknown() -> None:
    found = sourcing.of_answer("So they say [1].", (), {"search": "off"})

    assert found
    assert [(citation.number, citation.is_known) for citation in found.citations] == [(1, False)]


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_json_cannot_say_is_none(score: float) -> None:
    assert only(replace(MANUAL, passages=(Passage("Words.", 0, 6, score=score),))).passages[0].score == 0.0


def test_what_no_row_takes_is_replaced() -> None:
    odd = "All \x00 devices \ud800 come with a warranty of two years."
    source = Source(SourceKind.SEARCH, "x", "T\x00\ud800\n" + "t" * 400, "https://a.example/\x00")

    found = sourcing.of_answer(
        "All devices come with a warranty of two years [1].",
        (replace(source, passages=(Passage(odd, 0, len(odd)),)),),
        {"search": "n\x00\udfff" + "o" * 500},
    )

    (kept,) = found.sources
    assert kept.title.startswith("T\ufffd\ufffd ttt")
    assert len(kept.title) <= 300
    assert kept.url == "https://a.example/\ufffd"
    assert kept.excerpt is not None
    assert kept.excerpt.text == "All \ufffd devices \ufffd come with a warranty of two years."
    assert found.citations[0].quote is not None
    assert found.citations[0].quote.excerpt.text == kept.excerpt.text
    assert found.notes["search"] == ("n\ufffd\ufffd" + "o" * 297)


@pytest.mark.parametrize(
    "url", ["data:text/plain,abc", "javascript:alert(1)", "ftp://a.example", "https://" + "a" * 9000]
)
def test_an_address_that_nobody_can_open_is_none(url: str) -> None:
    assert only(replace(MANUAL, url=url)).url == ""
