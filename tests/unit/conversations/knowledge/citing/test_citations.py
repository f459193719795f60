"""Which words of a source a citation rests on."""

from dataclasses import replace

import pytest

from conversations.knowledge.citing import citations
from conversations.values.context.sources import Citation, Excerpt, Passage, Quote, Source, SourceKind
from tests.builders.texts.sources import ALL, ANSWER, MANUAL, RETURNS, TOWER, WARRANTY


def source(*texts: str) -> Source:
    passages = tuple(Passage(text, 1000 * at, 1000 * at + len(text)) for at, text in enumerate(texts))
    return Source(SourceKind.KNOWLEDGE, "doc_1", "Title", passages=passages)


def quote(answer: str, *sources: Source) -> Excerpt | None:
    """Of the one citation."""
    (citation,) = citations.find(answer, sources)
    return citation.quote.excerpt if citation.quote else None


def test_each_number_is_a_citation_with_the_sentence_of_its_source() -> None:
    found = citations.find(ANSWER, ALL)

    assert [ANSWER[citation.start : citation.end] for citation in found] == ["[1]", "【2】", "[3]", "[7]"]
    assert found == (
        Citation(1, 29, 32, quote=Quote(Excerpt(WARRANTY, 1007, 1007 + len(WARRANTY), 2), 88.0)),
        Citation(2, 44, 47, quote=Quote(Excerpt(TOWER, 10, 10 + len(TOWER)), 93.3)),
        Citation(3, 84, 87, quote=Quote(Excerpt("Prices of copper fell by nine percent in May.", 0, 45), 100.0)),
        Citation(7, 87, 90, is_known=False),
    )


def test_a_mark_of_several_numbers_is_as_many_citations() -> None:
    found = citations.find("Both say so [1-2, 9].", (MANUAL, MANUAL))

    assert [(citation.number, citation.start, citation.end, citation.is_known) for citation in found] == [
        (1, 12, 20, True),
        (2, 12, 20, True),
        (9, 12, 20, False),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        "The warranty lasts two years. [1] Other things follow.",
        "The weather is fine. The warranty lasts two years [1].",
        "- **Warranty:** it lasts two years from the purchase[2][1]\n",
        "According to [1], the warranty lasts two years from the date of purchase.",
        "[1] The limited warranty lasts two years.",
    ],
)
def test_the_sentence_at_the_mark_is_compared(answer: str) -> None:
    known = [citation for citation in citations.find(answer, (MANUAL,)) if citation.is_known]

    assert [found.quote.excerpt.text for found in known if found.quote] == [WARRANTY]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("可以在购买后30天内退货[1]。", "顾客可在购买后30天内退货并获得全额退款。"),
        ("保修期为两年[1]。", "所有设备自购买之日起享有两年的有限保修。"),
    ],
)
def test_scripts_without_spaces_are_compared_by_letters(answer: str, expected: str) -> None:
    text = "所有设备自购买之日起享有两年的有限保修。顾客可在购买后30天内退货并获得全额退款。"

    assert quote(answer, source(text)) == Excerpt(expected, text.index(expected), text.index(expected) + len(expected))


def test_japanese_is_compared_by_letters_too() -> None:
    text = "東京タワーは、東京都港区芝公園にある総合電波塔で、1958年12月23日に竣工した。"

    assert quote("東京タワーは1958年に完成した【1】。", source(text)) == Excerpt(text, 0, len(text))


def test_quoted_words_are_looked_for_literally_first() -> None:
    text = f"{WARRANTY} It says so: “In  no event\nshall we be liable.”"

    assert quote("The warranty lasts two years, and “in no event shall we” pay [1].", source(text)) == Excerpt(
        "In  no event\nshall we", text.index("In  no"), text.index(" be liable")
    )


@pytest.mark.parametrize("mark", ['"{}"', "“{}”", "«{}»", "「{}」"])
def test_quotation_marks_of_many_scripts_are_known(mark: str) -> None:
    answer = f"They say {mark.format('limited warranty')} [1]."

    found = quote(answer, MANUAL)

    assert found == Excerpt("limited warranty", 1007 + WARRANTY.index("limited"), 1007 + WARRANTY.index(" of two"), 2)


@pytest.mark.parametrize(
    "answer",
    ["The sky is blue [1].", "Die Garantie gilt zwei Jahre [1].", "[1]", "!!! [1]", "“It never said this” [1]."],
)
def test_there_is_no_quote_where_no_words_agree(answer: str) -> None:
    assert quote(answer, MANUAL) is None


def test_only_the_cited_source_is_compared() -> None:
    assert quote("The warranty lasts two years [2].", MANUAL, source(RETURNS)) is None


def test_a_sentence_without_an_end_is_quoted_in_pieces() -> None:
    text = "word " * 500 + "the moon is made of green cheese " + "word " * 500

    found = quote("The moon is made of green cheese [1].", source(text))

    assert found is not None
    assert len(found.text) <= 300
    assert "moon is made of green cheese" in found.text
    assert text[found.start : found.end] == found.text


def test_a_source_without_words_has_no_quote() -> None:
    assert quote("The warranty lasts two years [1].", replace(MANUAL, passages=())) is None
    assert quote("The warranty lasts two years [1].", source("", "\n", "No.")) is None


@pytest.mark.timeout(30)
def test_the_work_is_bounded_whatever_is_cited() -> None:
    long = source(*(f"{WARRANTY} " * 50 for _ in range(500)))
    said = "The limited “warranty, two years” lasts two years [1-9]. "

    found = citations.find(said * 100_000, (long,) * 64)

    assert len(found) == citations.CITATIONS_MAX
    assert sum(citation.quote is not None for citation in found) == citations.QUOTES_MAX
