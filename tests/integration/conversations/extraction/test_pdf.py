"""PDFs, good and bad."""

import zlib

import pytest

from conversations import extraction
from tests.fakes import documents

PLAIN = documents.pdf(documents.show("First page"), documents.show("Second page"))


def read(document: bytes) -> extraction.Extracted:
    return extraction.extract(document, media_type="application/pdf", name="a.pdf")


def reason(document: bytes) -> str:
    with pytest.raises(extraction.Unreadable) as refused:
        read(document)
    return refused.value.reason


def test_says_where_each_page_begins() -> None:
    found = read(PLAIN)

    assert found.text == "First page\n\nSecond page"
    assert [found.text[start : start + 6] for start in found.page_starts] == ["First ", "Second"]
    assert found.media_type == "application/pdf"


def test_a_page_without_text_keeps_its_number() -> None:
    found = read(documents.pdf(documents.show("one"), b"", documents.show("three")))

    assert (found.text, found.page_starts) == ("one\n\n\n\nthree", (0, 5, 7))


def test_reads_chinese_whose_characters_only_the_encoding_names() -> None:
    assert (
        read(documents.pdf(documents.show("今天天气很好", encoding="utf-16-be"), font=documents.SONG)).text
        == "今天天气很好"
    )


def test_reads_one_that_opens_with_an_empty_password() -> None:
    assert read(documents.encrypted(PLAIN, password="")).text == "First page\n\nSecond page"


def test_refuses_one_that_needs_a_password() -> None:
    assert reason(documents.encrypted(PLAIN, password="secret")) == "encrypted"


@pytest.mark.parametrize("content", [b"", documents.show("\x01\x02\x03\x04", encoding="utf-16-be")])
def test_says_that_shapes_alone_are_no_text(content: bytes) -> None:
    assert reason(documents.pdf(content, font=documents.SHAPES)) == "no_text"


@pytest.mark.parametrize("kept", [20, 200, 400, 700])
def test_refuses_a_truncated_one(kept: int) -> None:
    assert reason(PLAIN[:kept]) in {"damaged", "no_text"}


def test_reads_the_title() -> None:
    objects: list[str | bytes] = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Count 1/Kids[3 0 R]>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</Font<</F1 {documents.HELVETICA}>>>>/Contents 4 0 R>>",
        documents.stream(documents.show("words")),
        "<</Title<FEFF5E745EA662A5544A>>>",
    ]

    found = read(documents.pdf_of_objects(objects, trailer="/Info 5 0 R"))

    assert (found.title, found.text) == ("年度报告", "words")


def test_refuses_ten_thousand_and_one_pages() -> None:
    assert reason(documents.pdf(*[b""] * 10_001)) == "too_many_pages"


def tree(*nodes: str | bytes) -> bytes:
    """Of pages; the first node is number 2."""
    return documents.pdf_of_objects(["<</Type/Catalog/Pages 2 0 R>>", *nodes])


DOUBLING = [f"<</Type/Pages/Count 1/Kids[{number} 0 R {number} 0 R]>>" for number in range(3, 40)]


@pytest.mark.parametrize(
    "document",
    [
        tree("<</Type/Pages/Count 1000000000/Kids[2 0 R 2 0 R]>>"),
        tree("<</Type/Pages/Count 2/Kids[3 0 R]>>", "<</Type/Pages/Count 2/Kids[2 0 R]/Parent 2 0 R>>"),
        tree(*DOUBLING, "<</Type/Page/MediaBox[0 0 1 1]>>"),
        tree("<</Type/Pages/Count 2000000000/Kids[]>>"),
        tree("<</Type/Pages/Count 0/Kids[]/X " + "[" * 100_000 + "]" * 100_000 + ">>"),
        b"%PDF-1.7\n" + b"1 0 obj\n" * 50_000,
        b"%PDF-1.7\n",
    ],
    ids=[
        "pages of themselves",
        "a loop",
        "doubled 37 times",
        "two billion",
        "nested",
        "objects without end",
        "nothing",
    ],
)
def test_a_tree_of_pages_that_is_none_is_refused(document: bytes) -> None:
    assert reason(document) in {"damaged", "no_text", "too_many_pages"}
    assert read(PLAIN).page_starts == (0, 12)


GIGABYTE = documents.zeros(100)


def test_a_page_that_unpacks_to_a_gigabyte_is_refused() -> None:
    assert reason(documents.pdf(GIGABYTE, entries="/Filter/FlateDecode")) in {"damaged", "no_text"}
    twice = documents.pdf(zlib.compress(GIGABYTE, 9), entries="/Filter[/FlateDecode/FlateDecode]")
    assert reason(twice) in {"damaged", "no_text"}
    assert read(PLAIN).page_starts == (0, 12)


def test_objects_that_unpack_to_a_gigabyte_are_refused() -> None:
    objects = documents.stream(GIGABYTE, entries="/Type/ObjStm/N 1000000/First 10/Filter/FlateDecode")
    table = documents.stream(GIGABYTE, entries="/Type/XRef/Size 1000000000/W[1 4 2]/Root 2 0 R/Filter/FlateDecode")

    assert reason(documents.pdf_of_objects(["<</Type/Catalog/Pages 2 0 R>>", objects])) in {"damaged", "no_text"}
    assert reason(b"%PDF-1.7\n1 0 obj\n" + table + b"\nendobj\nstartxref\n9\n%%EOF") in {"damaged", "no_text"}


def test_a_form_that_draws_itself_is_refused() -> None:
    form = "/Type/XObject/Subtype/Form/BBox[0 0 1 1]/Resources<</XObject<</A 4 0 R>>>>"
    page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 1 1]/Resources<</XObject<</A 4 0 R>>>>/Contents 5 0 R>>"
    document = tree(
        "<</Type/Pages/Count 1/Kids[3 0 R]>>",
        page,
        documents.stream(b"/A Do /A Do", entries=form),
        documents.stream(b"/A Do"),
    )

    assert reason(document) in {"damaged", "no_text"}
